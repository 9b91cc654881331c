"""The story of the demonstration, in the order a person would live it.

Belongs here: the steps and what is said of them. Each does the real thing: a job of the graph, a request over HTTP,
a promotion through ``control``. A second run finds everything it made before and computes nothing again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from artpulse_assets.commands.lanes import run_monitoring, run_training
from artpulse_assets.demo import beside
from artpulse_assets.demo.server import Server, ServerFailed
from artpulse_core.commands.finding import opened
from artpulse_core.commands.telling import Wanted
from artpulse_core.commands.telling import tell as tell_host
from artpulse_core.control import lineage, notes, promotion, traffic
from artpulse_core.control.verdicts import verdict_of
from artpulse_core.data import problems
from artpulse_core.data.generator import generate, picture
from artpulse_core.data.painting import LABELS, Style
from artpulse_core.exchange import control
from artpulse_core.settings import Settings
from artpulse_core.store import changes, events

SEED = 5
FIRST = 40  # pictures a label for the first training
MORE = 30  # pictures a label that arrive before the retraining
WINDOW = 60  # pictures asked for each drift report
SHARE = 25.0  # percent of the requests for the canary
TRIED = 100  # requests asked while it runs
UNSEEN = 10_000  # the number from which pictures are never trained on
ROW = {"hue_mean": 0.07, "sat_mean": 0.62, "val_mean": 0.71, "contrast": 0.55, "edges": 0.12}
TABLES: dict[str, dict[str, float]] = {
    "heart": {
        "age": 57, "sex": 1, "cp": 4, "trestbps": 140, "chol": 241, "fbs": 0, "restecg": 0, "thalach": 123, "exang": 1,
        "oldpeak": 0.2, "slope": 2, "ca": 0, "thal": 7,
    },
    "housing": {
        "MedInc": 5.1, "HouseAge": 30, "AveRooms": 5.6, "AveBedrms": 1.05, "Population": 1200, "AveOccup": 2.8,
        "Latitude": 37.8, "Longitude": -122.2,
    },
}  # fmt: skip
"""A row each for the problems of tables, in the order they are told."""
ACTOR = "demo"
SAID: dict[Style, str] = {
    "standard": "pictures of the folder",
    "shifted": "of them greyer, darker and softer",
}


@dataclass
class Story:
    """One telling: settings, where to say it, and what was measured."""

    settings: Settings
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    step: int = 0

    def chapter(self, title: str) -> None:
        """Announce the next step."""
        self.step += 1
        self.say(f"\n[{time.monotonic() - self.started:5.1f} s] {self.step}. {title}")

    def paint(self, count: int, start: int = 0) -> None:
        """Make synthetic pictures."""
        made = generate(self.settings.data / "art", per_label=count, seed=SEED, start=start)
        self.say(
            f"  {made.written} pictures painted, {made.unchanged} were there already (synthetic, {len(LABELS)} labels)"
        )

    def train(self, problem: str) -> dict[str, Any]:
        """Run the training job of a problem."""
        return run_training(self.settings, problem, self.say, "demo")

    def champion(self, problem: str) -> int:
        """The champion's version, which a finished training leaves."""
        version = opened(self.settings)[1].alias(problems.get(self.settings, problem).model, "champion")
        if version is None:
            raise ServerFailed(f"The training of {problem} left no champion.")
        return version

    def tell_server(self) -> None:
        """Ask the agent to look at the registry now, as a promotion does."""
        control.call(self.settings.socket, "notify", deadline=30.0)

    def predict_row(self, server: Server) -> None:
        """One true prediction from five numbers."""
        answer = server.ask("/predict", ROW)
        self._show("POST /predict {hue_mean: 0.07, sat_mean: 0.62, …}", answer)

    def predict_picture(self, server: Server) -> None:
        """One true prediction from a picture nothing was trained on."""
        label = LABELS[-1]
        answer = server.ask("/predict-image", picture(label, UNSEEN, seed=SEED), "image/jpeg")
        self._show(f"POST /predict-image  (a picture painted as {label})", answer)

    def predict_table(self, server: Server, problem: str) -> None:
        """One true prediction from a row of a table."""
        row = TABLES[problem]
        shown = ", ".join(f"{name}: {value}" for name, value in list(row.items())[:3])
        self._show(f"POST /predict/{problem} {{{shown}, …}}", server.ask(f"/predict/{problem}", row))

    def _show(self, request: str, answer: dict[str, Any]) -> None:
        self.say(f"  {request}\n  → {_said(answer)}, model {answer['model']} version {answer['version']}")

    def watch(self, server: Server, style: Style) -> dict[str, Any]:
        """Ask for a window of pictures by the artists of the folder, then report drift."""
        before = events.count(opened(self.settings)[0], "art_core5")
        for number in range(WINDOW):
            label = LABELS[number % len(LABELS)]
            data = picture(label, number * FIRST // WINDOW, seed=SEED, style=style)
            server.ask("/predict/art_core5/image", data, "image/jpeg")
        self._wait_for_events(before + WINDOW)
        document = run_monitoring(self.settings, "art_core5", lambda _line: None, WINDOW)
        blamed = [name for name, row in document["features"].items() if row["drift"]]
        told = f"drift in {', '.join(blamed)}" if document["drift"] else document["status"]
        self.say(f"  {WINDOW} {SAID[style]} asked → {told}")
        for reason in document["reasons"][:3]:
            self.say(f"    {reason}")
        return document

    def _wait_for_events(self, wanted: int, seconds: float = 15.0) -> None:
        database, _ = opened(self.settings)
        until = time.monotonic() + seconds
        while events.count(database, "art_core5") < wanted:
            if time.monotonic() > until:
                raise ServerFailed(
                    f"The events of {WINDOW} requests did not reach the database within {seconds:.0f} s."
                )
            time.sleep(0.1)

    def promote(self, server: Server, outcome: dict[str, Any]) -> bool:
        """Promote the challenger as the gate says, or over it with a reason; True when something was promoted."""
        if outcome["version"] == outcome["champion"]:
            self.say("  There is nothing to promote: the challenger is the champion.")
            return False
        problem = problems.get(self.settings, "art_core5")
        database, registry = opened(self.settings)
        champion = registry.alias(problem.model, "champion")
        verdict = verdict_of(database, problem.name, outcome["version"], champion)
        agreed = verdict is not None and verdict["decision"] == "promote"
        # a demonstration before this one rolled it back, or the gate does not agree
        over = not agreed or outcome["version"] in lineage.rejected(changes.history(database, problem.model))
        self.say(f"  gate: {outcome['decision']}. {outcome['summary']}")
        if over:
            self.say("  An operator overrides it, with a reason that stays in the change table.")
        promotion.promote(
            database,
            registry,
            problem.model,
            outcome["version"],
            expected=champion,
            actor=ACTOR,
            reason="to show an override in the demonstration" if over else "the gate said promote",
            verdict=verdict,
            override=over,
            now=datetime.now(UTC),
        )
        self._served(server, problem.name, problem.model, outcome["version"])
        return True

    def canary(self, server: Server, outcome: dict[str, Any]) -> None:
        """Give the challenger a share of the requests beside the champion, and count who answers."""
        version, champion = outcome["version"], outcome["champion"]
        problem = problems.get(self.settings, "art_core5")
        database, registry = opened(self.settings)
        traffic.start(
            database,
            registry,
            problem.model,
            version,
            mode="canary",
            percent=SHARE,
            expected=champion,
            actor=ACTOR,
            reason="to show a canary in the demonstration",
            verdict=verdict_of(database, problem.name, version, champion),
            override=True,
            now=datetime.now(UTC),
        )
        told = tell_host(self.settings, problem.name, Wanted(champion, "canary", SHARE, version))
        self.say(f"  version {version} is given {SHARE:g} % of the requests: {told.sentence}")
        answers = [server.ask("/predict", {**ROW, "hue_mean": number / TRIED}) for number in range(TRIED)]
        seen = sum(answer["version"] == version for answer in answers)
        self.say(f"  {TRIED} requests asked → {seen} answered by version {version}, the others by {champion}")

    def rollback(self, server: Server) -> None:
        """Go back to the champion before."""
        problem = problems.get(self.settings, "art_core5")
        database, registry = opened(self.settings)
        change = promotion.rollback(
            database,
            registry,
            problem.model,
            actor=ACTOR,
            reason="to show a rollback in the demonstration",
            now=datetime.now(UTC),
        )
        if change.target is not None:
            self._served(server, problem.name, problem.model, change.target)

    def _served(self, server: Server, problem: str, model: str, version: int) -> None:
        notes.write_uri(self.settings, problem, model, version)
        started = time.monotonic()
        self.tell_server()
        server.wait_for(problem, version)
        self.say(f"  → version {version} is champion and served {time.monotonic() - started:.1f} s later")


def _said(answer: dict[str, Any]) -> str:
    """The one answer of a document as people say it."""
    if "values" in answer:
        bounds = answer["intervals"][0]
        told = f"{bounds['level']:.0%} between {bounds['lower']:.2f} and {bounds['upper']:.2f}"
        return f"{answer['values'][0]:.2f} × {answer['unit']} ({told})"
    best, told = answer["labels"][0], answer["probabilities"][0]
    if isinstance(told, dict):
        return f"{best} ({told[best]:.0%})"
    return f"{best} ({answer['positive_label']}: {told:.0%})"


def tell(story: Story, server_for: Callable[[], Server]) -> Server:
    """The whole story; ``server_for`` starts the server when the first champion exists."""
    story.chapter("Pictures")
    story.paint(FIRST)
    story.chapter("art_core5: pictures → features → dataset → candidates → champion")
    first = story.train("art_core5")
    tables = [name for name in TABLES if name in story.settings.problems]
    with beside.training(story.settings, tables) as training:
        server = _art(story, server_for, first)
        if tables:
            story.chapter(
                f"{' and '.join(tables)}: tables of real data that ship with ArtPulse, trained meanwhile"
            )
            training.wait()
    story.tell_server()
    for name in tables:
        server.wait_for(name, story.champion(name))
        story.predict_table(server, name)
    return server


def _art(story: Story, server_for: Callable[[], Server], first: dict[str, Any]) -> Server:
    """What happens to the pictures from the first champion on."""
    story.chapter("Serve it: an agent and two gunicorn workers")
    server = server_for()
    waited = server.wait_for("art_core5", first["champion"])
    story.say(f"  ready after {waited:.1f} s at {server.url}")
    story.predict_row(server)
    story.chapter("Drift: what is asked against what was learned from")
    story.watch(server, "standard")
    story.watch(server, "shifted")
    story.chapter("Retraining with more pictures: a challenger and the gate")
    story.paint(MORE, FIRST)
    outcome = story.train("art_core5")
    if outcome["version"] != outcome["champion"]:
        story.chapter("A canary: a share of the requests first")
        story.canary(server, outcome)
    story.chapter("Promotion")
    if story.promote(server, outcome):
        story.predict_row(server)
        story.chapter("Rollback")
        story.rollback(server)
        story.predict_row(server)
    story.chapter("art: the same pictures, asked as pictures")
    second = story.train("art")
    story.tell_server()
    server.wait_for("art", second["champion"])
    story.predict_picture(server)
    return server
