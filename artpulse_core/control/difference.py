"""What differs between two versions of a model.

Belongs here: comparing two verified bundles on this machine, as plain data; pure but for the sizes of their files.
Does not belong here: bringing them (``registry``), or judging which is better (``artpulse_core.gates``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from artpulse_core.data.contract import Contract
from artpulse_core.model.bundle import MANIFEST, Bundle

PROVENANCE = ("data_digest", "git_commit", "synthetic", "mlflow_run_id")
MEASURED = ("n_train", "n_test", "test_digest", "temperature")


def differences(a: Bundle, b: Bundle) -> dict[str, Any]:
    """``{facts, contract, same_test, metrics, files}`` of two bundles.

    ``facts`` are rows ``{name, a, b, same}`` of algorithm, features, data and origin; ``contract`` says whether both
    accept and answer the same (``same``), which is what two slots of a rollout need, and in which labels and fields
    they differ; ``metrics`` are ``{name, a, b, difference}`` with ``difference`` b − a, comparable only if
    ``same_test``; ``files`` are ``{name, a, b, same}`` with sizes in bytes, None where there is no such file.
    """
    return {
        "facts": [_row(name, left, right) for name, left, right in _facts(a, b)],
        "contract": _contract(a, b),
        "same_test": a.evaluation.get("test_digest") == b.evaluation.get("test_digest"),
        "metrics": _metrics(a.evaluation, b.evaluation),
        "files": _files(a, b),
    }


def _facts(a: Bundle, b: Bundle) -> Iterator[tuple[str, Any, Any]]:
    left, right = a.manifest, b.manifest
    for name in ("problem", "algorithm", "features", "fingerprint", "key", "created_at"):
        yield name, getattr(left, name), getattr(right, name)
    yield "feature count", len(left.feature_names), len(right.feature_names)
    yield "feature names", *_first_difference(left.feature_names, right.feature_names)
    for names, mine, theirs in (
        (PROVENANCE, left.provenance, right.provenance),
        (MEASURED, a.evaluation, b.evaluation),
    ):
        for name in names:
            if name in mine or name in theirs:
                yield name.replace("_", " "), mine.get(name), theirs.get(name)


def _first_difference(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, str]:
    if left == right:
        return "equal", "equal"
    place = next(
        (number for number, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]),
        min(len(left), len(right)),
    )
    return tuple(  # type: ignore[return-value]  # two of them
        f"number {place + 1} is {names[place]}" if place < len(names) else f"end after {len(names)}"
        for names in (left, right)
    )


def _contract(a: Bundle, b: Bundle) -> dict[str, Any]:
    one, other = a.contract, b.contract
    labels = (one.target.labels, other.target.labels)
    return {
        "same": a.manifest.contract_digest == b.manifest.contract_digest,
        "labels": [list(item) for item in labels],
        "labels_moved": labels[0] != labels[1] and set(labels[0]) == set(labels[1]),
        "labels_gone": [label for label in labels[0] if label not in labels[1]],
        "labels_new": [label for label in labels[1] if label not in labels[0]],
        "fields": _fields(one, other),
    }


def _fields(one: Contract, other: Contract) -> list[dict[str, Any]]:
    left, right = (
        {item.name: {**vars(item), "codes": dict(item.codes)} for item in side.fields}
        for side in (one, other)
    )
    rows = []
    for name in dict.fromkeys([*left, *right]):
        mine, theirs = left.get(name), right.get(name)
        if mine is None or theirs is None:
            rows.append({"field": name, "what": "field", "a": mine is not None, "b": theirs is not None})
            continue
        rows += [
            {"field": name, "what": what, "a": mine[what], "b": theirs[what]}
            for what in mine
            if mine[what] != theirs[what]
        ]
    return rows


def _metrics(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[dict[str, Any]]:
    mine, theirs = (dict(side.get("metrics", {})) for side in (left, right))
    mine |= {f"f1 of {label}": row.get("f1") for label, row in left.get("per_label", {}).items()}
    theirs |= {f"f1 of {label}": row.get("f1") for label, row in right.get("per_label", {}).items()}
    rows = []
    for name in dict.fromkeys([*mine, *theirs]):
        a, b = _value(mine.get(name)), _value(theirs.get(name))
        rows.append({"name": name, "a": a, "b": b, "difference": None if a is None or b is None else b - a})
    return rows


def _value(metric: Any) -> float | None:
    found = metric.get("value") if isinstance(metric, Mapping) else metric
    return float(found) if isinstance(found, int | float) else None


def _files(a: Bundle, b: Bundle) -> list[dict[str, Any]]:
    mine, theirs = ({MANIFEST: item.digest, **item.manifest.files} for item in (a, b))
    return [
        {
            "name": name,
            "a": (a.folder / name).stat().st_size if name in mine else None,
            "b": (b.folder / name).stat().st_size if name in theirs else None,
            "same": mine.get(name) == theirs.get(name),
        }
        for name in dict.fromkeys([*mine, *theirs])
    ]


def _row(name: str, a: Any, b: Any) -> dict[str, Any]:
    return {"name": name, "a": a, "b": b, "same": a == b}
