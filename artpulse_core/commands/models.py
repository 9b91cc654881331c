"""``artpulse models``: what is registered, and who may change it.

Belongs here: looking at versions and comparing them. The commands that change what is served stand in ``champion``;
those of them that are words of ``models`` are added to the group here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from artpulse_core.commands import audit, champion
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.finding import opened, resolve
from artpulse_core.control import describe as describing
from artpulse_core.control import lineage
from artpulse_core.control.registry import Registry, VersionInfo
from artpulse_core.data import problems
from artpulse_core.errors import BundleError, ChangeRefused
from artpulse_core.settings import Settings
from artpulse_core.store import changes, reports

WRONG = "is MLFLOW_TRACKING_URI the right registry? (artpulse config show --origin)"


@click.group()
def models() -> None:
    """List, show, compare and verify registered models; freeze them and lift that."""


for command in (champion.freeze, champion.lift, champion.adopt):
    models.add_command(command)


@models.command(name="list")
@answering
def listing(settings: Settings) -> Reply:
    """Every version of every problem's model."""
    db, registry = opened(settings)
    known = problems.load(settings).values()
    history = {problem.model: changes.history(db, problem.model) for problem in known}
    rows = [
        {
            "problem": problem.name,
            "model": problem.model,
            "version": info.version,
            "aliases": list(info.aliases),
            "rejected": info.version in lineage.rejected(history[problem.model]),
            "algorithm": info.tags.get("algorithm"),
            "synthetic": info.tags.get("synthetic"),
            "digest": info.digest[:19],
        }
        for problem in known
        for info in registry.versions(problem.model)
    ]
    listed = {row["model"] for row in rows}
    lost = [model for model, found in history.items() if model not in listed and lineage.champions(found)]
    lines = [
        f"The registry holds no version of {model}, but the table of changes does: {WRONG}" for model in lost
    ]
    if rows:
        columns = ("problem", "model", "version", "aliases", "rejected", "algorithm", "synthetic", "digest")
        lines.insert(0, table(rows, columns))
    return Reply({"models": rows}, "\n".join(lines or ["No model is registered yet. Next: artpulse train"]))


@models.command()
@click.argument("problem")
@answering
def show(settings: Settings, *, problem: str) -> Reply:
    """Versions, aliases, the gate's verdict with its reasons, and the changes of one model."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    document = describing.describe(database, registry, chosen.model)
    document["problem"] = chosen.name
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
        back = f"`artpulse rollback {document['problem']}` puts it back"
        parts.append(
            f"The champion alias was moved by hand: the table of changes knows of another version. "
            f"`artpulse models adopt {document['problem']}` takes it over, {back}."
            if document["aliases"].get(lineage.CHAMPION)
            else f"The champion alias was removed by hand: {back}."
        )
    if document["chain"] is not None:
        parts.append(
            f"Change {document['chain']} of the table was altered, not by ArtPulse: see `artpulse audit verify`."
        )
    if document["frozen"]:
        frozen = document["frozen"]
        parts.append(f"Frozen by {frozen['actor']} since {frozen['opened_at'][:19]}Z: {frozen['reason']}")
    rollout = document["rollout"]
    if rollout["secondary"] is not None:
        parts.append(
            f"Rollout: version {rollout['secondary']} beside version {rollout['primary']}, {rollout['mode']} at "
            f"{rollout['percent']:g} %; see `artpulse rollout status {document['problem']}`."
        )
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
    parts.append(audit.rows_of(document["changes"]))
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


@models.command()
@click.argument("problem")
@click.argument("a", default="champion")
@click.argument("b", default="challenger")
@answering
def diff(settings: Settings, *, problem: str, a: str, b: str) -> Reply:
    """Compare versions A and B (numbers or aliases; champion and challenger if not given), both verified."""
    from artpulse_core.control import difference
    from artpulse_core.model import bundle

    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    infos = [_named(registry, chosen.model, word) for word in (a, b)]
    with tempfile.TemporaryDirectory() as scratch:
        bundles = []
        for side, info in zip("ab", infos, strict=True):
            row = changes.registration(database, chosen.model, info.version)
            recorded = (
                str(row.rollout.get("digest")) if row is not None and row.rollout is not None else info.digest
            )
            try:
                folder = registry.download(chosen.model, info.version, Path(scratch) / side)
                bundles.append(bundle.load(folder, recorded))
            except BundleError as error:
                raise BundleError(f"Version {info.version} of {chosen.model}: {error.message}") from None
        document = {
            "model": chosen.model,
            **{
                side: {"version": info.version, "aliases": list(info.aliases), "digest": info.digest}
                for side, info in zip("ab", infos, strict=True)
            },
            **difference.differences(*bundles),
        }
    return Reply(document, _compared(document))


def _named(registry: Registry, model: str, word: str) -> VersionInfo:
    version = int(word) if word.isdecimal() and len(word) < 10 else registry.alias(model, word)
    info = registry.version(model, version) if version is not None else None
    if info is None:
        raise ChangeRefused(f"{model} has no version or alias {word!r}: see `artpulse models list`.")
    if not info.digest:
        raise BundleError(
            f"Version {info.version} of {model} has no digest: it was not registered by ArtPulse."
        )
    return info


def _compared(document: Mapping[str, Any]) -> str:
    heads = [f"{document[side]['version']}" for side in "ab"]
    same = [row["name"] for row in document["facts"] if row["same"]]
    other = [row for row in document["facts"] if not row["same"]]
    contract = document["contract"]
    tested = "" if document["same_test"] else " (measured on different test rows: not comparable)"
    parts = [
        f"{document['model']}: version {heads[0]} (a) and version {heads[1]} (b)",
        table(other, ("name", "a", "b")) if other else "Every fact is the same.",
        f"the same: {', '.join(same)}" if same and other else "",
        f"\nContract {'the same' if contract['same'] else 'differs: they cannot share a rollout'}",
        "labels in another order" if contract["labels_moved"] else "",
        f"labels only in a: {', '.join(contract['labels_gone'])}" if contract["labels_gone"] else "",
        f"labels only in b: {', '.join(contract['labels_new'])}" if contract["labels_new"] else "",
        table(contract["fields"], ("field", "what", "a", "b")) if contract["fields"] else "",
        f"\nMetrics{tested}",
        table(document["metrics"], ("name", "a", "b", "difference")),
        "\nFiles, in bytes",
        table(document["files"], ("name", "a", "b", "same")),
    ]
    return "\n".join(part for part in parts if part)
