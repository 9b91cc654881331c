"""From a chosen candidate to a registered challenger with a verdict.

Belongs here: the order of these steps. Judging is ``gate``, packaging is ``package``; what is served is changed by
``artpulse_core.control.promotion`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpulse_assets.pipeline import (
    appraise,
    contest,
    figures,
    frames,
    gate,
    ingest,
    originals,
    package,
    publish,
    tracking,
)
from artpulse_assets.pipeline.candidates import Candidate
from artpulse_assets.pipeline.estimators import Effort
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.control import promotion, registration, served
from artpulse_core.data.problem import Problem
from artpulse_core.model import bundle
from artpulse_core.settings import Settings, project_root
from artpulse_core.store import reports

if TYPE_CHECKING:
    import pandas as pd

    from artpulse_core.control.registry import Registry
    from artpulse_core.store.database import Database

SAME = "The challenger is the champion itself: nothing that decides its answers has changed."


@dataclass(frozen=True)
class Challenge:
    """A registered challenger: version, digest, verdict, evaluation, and what to show of it."""

    version: int
    digest: str
    key: str
    registered: bool
    champion: int | None
    verdict: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    golden: int
    pictures: Mapping[str, bytes]
    card: str

    @property
    def sentence(self) -> str:
        """What happened, for a log."""
        how = "registered" if self.registered else "already registered, nothing has changed"
        return f"version {self.version} {how}; gate: {self.verdict['decision']} ({self.verdict['summary']})"

    def to_dict(self) -> dict[str, Any]:
        """What the champion asset needs."""
        return {
            "version": self.version,
            "digest": self.digest,
            "key": self.key,
            "champion": self.champion,
            "verdict": dict(self.verdict),
        }


def challenge(
    problem: Problem,
    raw: pd.DataFrame,
    split: pd.DataFrame,
    board: Mapping[str, Any],
    made: Mapping[str, Mapping[str, Any]],
    *,
    effort: Effort,
    settings: Settings,
    database: Database,
    registry: Registry,
    memo: Memo,
    now: datetime,
    actor: str,
) -> Challenge:
    """Package, judge and register the chosen candidate; an equal version is found again and not registered twice.

    ``made`` maps each algorithm to its candidate document. What a killed run left open is settled first: its version
    may exist, and would be found below as if it had been registered to the end. Raises the errors of the parts.
    """
    promotion.recover(database, registry, now)
    rows, test = frames.train_rows(problem, split), frames.test_rows(problem, split)
    units = split.loc[split["side"] == "train", "unit"].to_numpy(str)
    runs = {name: document["run_id"] for name, document in made.items()}
    field = {name: Candidate.from_dict(document) for name, document in made.items()}
    winner = contest.settle(rows, units, problem, field, board, memo)
    chosen = winner.chosen
    document = appraise.document(problem, winner, units, test, effort, memo, _facts(raw, split))
    answers = winner.predict(test.x)
    root = ingest.place(problem, settings)
    provenance = {
        "synthetic": ingest.synthetic(root),
        "data_digest": rows.digest,
        "git_commit": tracking.git_commit(),
        "mlflow_run_id": runs[chosen.algorithm],
        "mlflow_runs": runs,
        "origin_of_features": frames.origin(problem),
    }
    packed = package.make(
        problem,
        rows,
        package.Names.of(problem, split),
        test,
        chosen,
        document,
        frames.watched_matrix(problem, split[split["side"] == "train"]),
        winner.mixed,
        winner.state,
        originals.golden(raw, split, root),
        provenance,
        weights=settings.weights,
        now=now.isoformat(timespec="seconds"),
        memo=memo,
    )
    champion = registry.alias(problem.model, "champion")
    known = registry.find_by_key(problem.model, packed.key)
    if known is not None and known.version == champion:
        verdict: dict[str, Any] = {"decision": "inconclusive", "summary": SAME, "rules": []}
    else:
        place = served.champion_folder(problem, champion, settings, registry)
        verdict = gate.judge(test, packed.folder, place, policy=policy_file(), now=now).to_dict()
    # The results may have been cleared since: then an equal bundle was made anew, with another time and digest.
    digest = known.digest if known else packed.digest
    version = (
        known.version
        if known
        else _register(
            problem, packed, chosen, provenance, runs[chosen.algorithm], database, registry, actor, now
        )
    )
    if known is None:
        tracking.log_chosen(runs[chosen.algorithm], document)
    if version != champion:
        _report(database, problem, version, champion, digest, test.digest, verdict, now)
    loaded = bundle.load(packed.folder)
    drawn = figures.of_evaluation(
        problem,
        document,
        rows.labels,
        test.y,
        answers,
        originals.wrong(problem, raw, split, root, test, answers),
        memo,
    ).pictures
    card = (packed.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    publish.training(problem, settings, version, digest, document, verdict, provenance, card, drawn, now)
    publish.examples(problem, settings, split, rows.labels, answers, version)
    golden = len(loaded.golden["rows"]) + len(loaded.golden["images"])
    return Challenge(
        version, digest, packed.key, known is None, champion, verdict, document, golden, drawn, card
    )


def _facts(raw: pd.DataFrame, split: pd.DataFrame) -> dict[str, Any]:
    """What the model card says of the data."""
    reasons = raw.loc[raw["reason"] != "", "reason"].value_counts()
    return {
        "rows": len(raw),
        "quarantined": max(0, len(raw) - len(split)),
        "reasons": {str(reason): int(count) for reason, count in reasons.items()},
    }


def policy_file() -> Path | None:
    """The checkout's own policy.yaml when there is one; None for the packaged one."""
    path = project_root() / "policy.yaml"
    return path if path.exists() else None


def _register(
    problem: Problem,
    packed: package.Made,
    chosen: Candidate,
    provenance: Mapping[str, Any],
    run_id: str,
    database: Database,
    registry: Registry,
    actor: str,
    now: datetime,
) -> int:
    return registration.register(
        database,
        registry,
        problem=problem.name,
        model=problem.model,
        bundle_dir=packed.folder,
        digest=packed.digest,
        run_id=run_id,
        key=packed.key,
        tags={
            "algorithm": chosen.algorithm,
            "features": problem.features,
            "synthetic": str(provenance["synthetic"]).lower(),
            "git_commit": provenance["git_commit"],
        },
        actor=actor,
        reason="retraining",
        now=now,
    )


def _report(
    database: Database,
    problem: Problem,
    version: int,
    champion: int | None,
    digest: str,
    test: str,
    verdict: Mapping[str, Any],
    now: datetime,
) -> None:
    document = {
        "model": problem.model,
        "version": version,
        "champion": champion,
        "digest": digest,
        "test_digest": test,
        "verdict": dict(verdict),
    }
    last = reports.latest(database, "gate", problem.name)
    if last is None or last["document"] != document:
        reports.add(database, "gate", problem.name, document, now)
