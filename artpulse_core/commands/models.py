"""``artpulse models``, ``promote`` and ``rollback``: what is registered, and changing what is served."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from artpulse_core.commands.answer import Reply, actor, answering, table
from artpulse_core.control import describe as describing
from artpulse_core.control import notes, promotion
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.errors import AgentUnavailable, BundleError, ChangeRefused
from artpulse_core.exchange import control
from artpulse_core.settings import Settings
from artpulse_core.store import reports
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

NOTIFY_SECONDS = 20.0


def opened(settings: Settings) -> tuple[Database, Registry]:
    """The database, migrated, and the registry."""
    database = Database(settings.database)
    database.migrate()
    return database, Registry(settings)


def resolve(settings: Settings, name: str) -> Problem:
    """A problem by its name or by the name of its registered model."""
    known = problems.load(settings)
    by_model = {problem.model: problem for problem in known.values()}
    return known.get(name) or by_model.get(name) or problems.get(settings, name)


@click.group()
def models() -> None:
    """List, show and verify registered models."""


@models.command(name="list")
@answering
def listing(settings: Settings) -> Reply:
    """Every version of every problem's model."""
    _, registry = opened(settings)
    rows = [
        {
            "problem": problem.name,
            "model": problem.model,
            "version": info.version,
            "aliases": list(info.aliases),
            "algorithm": info.tags.get("algorithm"),
            "synthetic": info.tags.get("synthetic"),
            "digest": info.digest[:19],
        }
        for problem in problems.load(settings).values()
        for info in registry.versions(problem.model)
    ]
    text = table(rows, ("problem", "model", "version", "aliases", "algorithm", "synthetic", "digest"))
    return Reply({"models": rows}, text if rows else "No model is registered yet. Next: artpulse train")


@models.command()
@click.argument("problem")
@answering
def show(settings: Settings, *, problem: str) -> Reply:
    """Versions, aliases, the gate's verdict with its reasons, and the changes of one model."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    document = describing.describe(database, registry, chosen.model)
    document["gate"] = [row["document"] for row in reports.history(database, "gate", chosen.name, 20)]
    return Reply(document, _told(document))


def _told(document: Mapping[str, Any]) -> str:
    versions = [
        {**row, "algorithm": row["tags"].get("algorithm"), "digest": row["digest"][:19]}
        for row in document["versions"]
    ]
    parts = [
        f"{document['model']}",
        table(versions, ("version", "aliases", "algorithm", "rejected", "digest")),
    ]
    if document["unaudited"]:
        parts.append("The champion alias was moved by hand: the change table knows of another version.")
    for gate in document["gate"]:
        verdict = gate["verdict"]
        against = f"against version {gate['champion']}" if gate["champion"] else "as a first champion"
        parts.append(
            f"\nGate on version {gate['version']} {against}: {verdict['decision']}\n{verdict['summary']}"
        )
        parts.append(
            table(verdict["rules"], ("name", "passed", "value", "limit", "reason"))
            if verdict["rules"]
            else ""
        )
    parts.append("\nChanges, newest first")
    parts.append(
        table(
            document["changes"],
            ("sequence", "action", "expected", "target", "state", "actor", "opened_at", "reason"),
        )
    )
    return "\n".join(part for part in parts if part)


@models.command()
@click.argument("problem")
@click.option("--version", type=int, help="Default: every version.")
@answering
def verify(settings: Settings, *, problem: str, version: int | None) -> Reply:
    """Check digest and golden answers of registered bundles, as the agent does before serving one."""
    from artpulse_core.model import bundle, golden
    from artpulse_core.model.predictor import Predictor

    chosen = resolve(settings, problem)
    _, registry = opened(settings)
    rows = []
    for info in registry.versions(chosen.model):
        if version not in (None, info.version):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                folder = registry.download(chosen.model, info.version, Path(scratch) / "bundle")
                answers = golden.check(Predictor(bundle.load(folder, info.digest)))
                rows.append(
                    {"version": info.version, "ok": True, "result": f"{answers} golden answers agree"}
                )
            except BundleError as error:
                rows.append({"version": info.version, "ok": False, "result": error.message})
    if not rows:
        raise ChangeRefused(f"{chosen.model} has no version {version or ''}".strip() + ".")
    broken = any(not row["ok"] for row in rows)
    return Reply(
        {"model": chosen.model, "versions": rows},
        table(rows, ("version", "ok", "result")),
        65 if broken else 0,
    )


@click.command()
@click.argument("problem")
@click.option(
    "--version", type=int, help="Default: the challenger, or without any champion the newest version."
)
@click.option(
    "--expected",
    type=int,
    help="The champion you have seen; another one is a conflict. Default: the current.",
)
@click.option("--reason", default="", help="Why; needed with --override.")
@click.option("--override", is_flag=True, help="Promote although the gate does not say promote.")
@click.option("--idempotency-key", help="Repeating the same key gives the first answer.")
@answering
def promote(
    settings: Settings,
    *,
    problem: str,
    version: int | None,
    expected: int | None,
    reason: str,
    override: bool,
    idempotency_key: str | None,
) -> Reply:
    """Make a challenger the champion, if the gate's verdict says so or somebody overrides it."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    aliases = registry.aliases(chosen.model)
    target = aliases.get("challenger") if version is None else version
    current = aliases.get("champion")
    if (
        target is None and current is None
    ):  # every version was held back: the newest is the one to decide about
        target = next((info.version for info in registry.versions(chosen.model)), None)
    if target is None:
        raise ChangeRefused(
            f"{chosen.model} has no challenger; train one with `artpulse retrain --problem {chosen.name}`."
        )
    change = promotion.promote(
        database,
        registry,
        chosen.model,
        target,
        expected=current if expected is None else expected,
        actor=actor(),
        # over the gate the person's own words are the record; control refuses an override without them
        reason=reason if override else reason or "promoted by hand",
        verdict=verdict_of(database, chosen.name, target, current),
        override=override,
        idempotency_key=idempotency_key,
        now=datetime.now(UTC),
    )
    return _changed(settings, chosen, change)


def verdict_of(database: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest gate verdict on ``version`` against the champion of now; None when there is none."""
    for row in reports.history(database, "gate", problem, 50):
        document = row["document"]
        if (document["version"], document["champion"]) == (version, champion):
            return dict(document["verdict"])
    return None


@click.command()
@click.argument("problem")
@click.option("--reason", required=True, help="Why; it stays in the change table.")
@click.option("--expected", type=int, help="The champion you have seen; another one is a conflict.")
@click.option("--idempotency-key", help="Repeating the same key gives the first answer.")
@answering
def rollback(
    settings: Settings, *, problem: str, reason: str, expected: int | None, idempotency_key: str | None
) -> Reply:
    """Go back to the newest earlier champion that was not itself rolled back."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    change = promotion.rollback(
        database,
        registry,
        chosen.model,
        actor=actor(),
        reason=reason,
        expected=expected,
        idempotency_key=idempotency_key,
        now=datetime.now(UTC),
    )
    return _changed(settings, chosen, change)


def _changed(settings: Settings, problem: Problem, change: Change) -> Reply:
    if change.target is not None:
        notes.write_uri(settings, problem.name, problem.model, change.target)
    served = "no server on this host; it will be served at the next start"
    with contextlib.suppress(AgentUnavailable):
        control.call(settings.socket, "notify", deadline=NOTIFY_SECONDS)
        served = "this host has been told"
    before = f"version {change.expected}" if change.expected else "nothing"
    text = f"{problem.model}: version {change.target} is the champion now, instead of {before} (change {change.sequence}; {served})."
    return Reply({**change.to_dict(), "served": served}, text)
