"""Checks on repetition: the same content twice, nearly twice, or under two targets.

Belongs here: comparing rows with each other. Does not belong here: comparing the two sides of the split
(``leakage``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, verdict
from artpulse_assets.pipeline.quality.sample import Sample

FAR = 0.5  # equal rows whose targets differ by more than this share of the target's spread contradict each other


def surplus(sample: Sample) -> np.ndarray:
    """Rows of a table that equal an earlier row in all fields and in the target."""
    import pandas as pd

    keys = pd.DataFrame({"content": sample.content, "told": np.asarray(sample.told, dtype=object)})
    return np.flatnonzero(keys.duplicated().to_numpy()) if sample.names else np.array([], dtype=np.int64)


def duplicates(sample: Sample) -> Finding:
    """No content is in the data twice."""
    gone = sample.quarantined(["duplicate"])
    again = np.flatnonzero(sample.frame["id"].duplicated().to_numpy())
    kept = "the first of each stays and counts once" if len(gone) and not len(again) else "remove them"
    return verdict(
        [
            *(Example(str(path), None, "same content as another") for path in gone["path"]),
            *(Example(str(sample.paths[row]), None, "same content as another") for row in again),
        ],
        f"No {sample.thing} is there twice.",
        lambda many: (
            f"{counted(many, sample.thing)} {'repeats' if many == 1 else 'repeat'} the content of another; "
            f"{kept}. Many of them mean that the source was joined or copied wrongly."
        ),
        limit=0,
    )


def near_duplicates(sample: Sample) -> Finding:
    """No two pictures are nearly the same, and no two rows of a table are equal in every field and the target."""
    if not sample.pictures:
        rows = surplus(sample)
        return verdict(
            (Example(str(sample.paths[row]), sample.told[row], "equals an earlier row") for row in rows),
            "No row equals another in every field and the target.",
            lambda many: (
                f"{counted(many, 'row')} {'equals' if many == 1 else 'equal'} an earlier one in every field "
                "and the target: look whether they are other cases, or the same one written twice."
            ),
            limit=0,
        )
    pairs = sample.near_pairs
    rows = np.array(sorted({later for _, later in pairs}), dtype=np.int64)
    first = {later: earlier for earlier, later in reversed(pairs)}
    return verdict(
        (
            Example(str(sample.paths[row]), str(sample.paths[first[row]]), "at most 4 of 64 bits apart")
            for row in rows.tolist()
        ),
        "No picture is nearly the same as another.",
        lambda many: (
            f"{counted(many, 'picture')} {'is' if many == 1 else 'are'} nearly the same as another. They stay "
            "on one side of the split, so figures are honest; remove copies to let each picture count once."
        ),
        limit=0,
    )


def label_conflicts(sample: Sample) -> Finding:
    """Nothing stands under two targets."""
    gone = sample.quarantined(["label_conflict"])
    inside = list(_far_apart(sample)) if sample.regression else list(_contradictions(sample))
    return verdict(
        [*(Example(str(path), None, "same content under another label") for path in gone["path"]), *inside],
        f"No content has two {'values' if sample.regression else 'labels'} of {sample.target_name}.",
        lambda many: (
            f"{counted(many, sample.thing)} {'contradicts' if many == 1 else 'contradict'} another of the same "
            f"content in {sample.target_name}: decide which is right. "
            f"{f'{len(gone):,} were left out until then.' if len(gone) else 'A model cannot learn both.'}"
        ),
        limit=0,
    )


def _contradictions(sample: Sample) -> Iterator[Example]:
    """Near duplicates, or equal rows of a table, under two labels."""
    if sample.pictures:
        for first, second in sample.near_pairs:
            if sample.labels[first] != sample.labels[second]:
                said = f"{sample.labels[second]}; {sample.paths[first]}: {sample.labels[first]}"
                yield Example(str(sample.paths[second]), said, "near duplicate under another label")
        return
    for rows in _equal(sample):
        if len({sample.told[row] for row in rows}) > 1:
            for row in rows:
                yield Example(str(sample.paths[row]), sample.told[row], "equal fields, another label")


def _far_apart(sample: Sample) -> Iterator[Example]:
    """Equal rows whose targets lie further apart than is likely by chance."""
    known = sample.target[np.isfinite(sample.target)]
    spread = float(known.std()) if known.size else 0.0
    for rows in _equal(sample):
        values = sample.target[rows]
        if spread and np.ptp(values) > FAR * spread:
            for row in rows:
                yield Example(
                    str(sample.paths[row]), float(sample.target[row]), "equal fields, a far other target"
                )


def _equal(sample: Sample) -> Iterator[np.ndarray]:
    """Groups of two or more rows that are equal in all fields."""
    if not sample.names:
        return
    order = np.argsort(sample.content, kind="stable")
    ordered = sample.content[order]
    starts = (
        np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.array([], dtype=int)
    )
    for rows in np.split(order, starts[1:]):
        if len(rows) > 1:
            yield rows
