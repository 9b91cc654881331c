"""Checks on pictures: those that could not be read, and those that are odd.

Belongs here: verdicts on what ``looking`` measured and on what ingest refused. Does not belong here: opening a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from artpulse_assets.association import cramers_v
from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, verdict
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_core.data.images import REASONS

GREY = 8.0  # chroma of 255 under which a picture has no colour; JPEG noise stays below
FLAT = 2.0  # spread of brightness of 255 under which there is nothing to see
FEW = 0.1  # a kind that this share of a label's pictures, or fewer, are of is the odd one there
RARE_FORMAT = 0.05
TELLING = 0.9  # Cramér's V from which the kind of file gives the label away


def unreadable_pictures(sample: Sample) -> Finding:
    """Every file that should be a picture could be read as one."""
    gone = sample.quarantined([*REASONS, "vanished"])
    reasons = ", ".join(f"{count:,} × {reason}" for reason, count in Counter(gone["reason"]).most_common())
    return verdict(
        (
            Example(str(path), str(reason), str(message))
            for path, reason, message in gone[["path", "reason", "message"]].itertuples(index=False)
        ),
        "Every picture could be read.",
        lambda many: (
            f"{counted(many, 'file')} could not be used ({reasons}): replace or remove "
            f"{'it' if many == 1 else 'them'}; the rest is learned from."
        ),
        limit=0,
    )


def odd_pictures(sample: Sample) -> Finding:
    """No picture is very small, stretched, flat, animated, grey among colour or of another format than the rest."""
    found = list(_odd(sample))
    kinds = Counter(example.rule for example in found)
    said = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common())
    of_path: dict[str, list[Example]] = {}
    for example in found:
        of_path.setdefault(example.path, []).append(example)
    paths = len(of_path)
    return verdict(
        (
            Example(path, _joined(item.value for item in items), "; ".join(item.rule for item in items))
            for path, items in of_path.items()
        ),
        "No picture stands out by size, shape, colour or format.",
        lambda _: (
            f"{counted(paths, 'picture')} {'stands' if paths == 1 else 'stand'} out ({said}): look whether "
            f"{'it belongs' if paths == 1 else 'they belong'} here."
        ),
        value=paths,
        limit=0,
    )


def _joined(texts: Iterable[object]) -> str | None:
    return "; ".join(str(text) for text in texts if text is not None) or None


def _odd(sample: Sample) -> Iterator[Example]:
    if sample.looks is None:  # the difference hash of a flat picture is 0; feedback has none
        flat = sample.where("dhash", 0)
        for path in sample.paths[flat]:
            if not str(path).startswith("feedback:"):
                yield Example(str(path), None, "flat colour")
        return
    table = sample.looks.merge(sample.frame[["path", "label"]], on="path")
    for look in table[table["spread"] < FLAT].itertuples(index=False):
        yield Example(str(look.path), f"spread {look.spread:.1f} of 255", "flat colour")
    for look in table[table["frames"] > 1].itertuples(index=False):
        yield Example(str(look.path), str(look.format), "animated; only the first frame is used")
    short, long = table[["width", "height"]].min(axis=1), table[["width", "height"]].max(axis=1)
    for look in table[short < sample.limits.small_side].itertuples(index=False):
        rule = f"very small: a side under {sample.limits.small_side} pixels"
        yield Example(str(look.path), f"{look.width} × {look.height}", rule)
    for look in table[long > sample.limits.max_aspect * short].itertuples(index=False):
        rule = f"stretched: one side over {sample.limits.max_aspect:g} times the other"
        yield Example(str(look.path), f"{look.width} × {look.height}", rule)
    grey = (table["chroma"] < GREY) & (table["spread"] >= FLAT)
    share = grey.groupby(table["label"]).transform("mean")
    for look in table[grey & (share <= FEW)].itertuples(index=False):
        yield Example(str(look.path), f"label {look.label}", "greyscale among colour")
    formats = table["format"].value_counts(normalize=True)
    for look in table[table["format"].map(formats) <= RARE_FORMAT].itertuples(index=False):
        yield Example(str(look.path), str(look.format), f"another format than {formats.index[0]}")


def telling_files(sample: Sample) -> Finding | None:
    """Format and size of the files do not give the label away."""
    if sample.looks is None or sample.regression:
        return None
    table = sample.looks.merge(sample.frame[["path", "label"]], on="path")
    size = table["width"].astype(str) + " × " + table["height"].astype(str)
    strengths = {
        name: cramers_v(kind.to_numpy(str), table["label"].to_numpy(str))
        for name, kind in (("format", table["format"]), ("size", size))
        if kind.nunique() * 5 <= len(table)
    }
    telling = {name: v for name, v in strengths.items() if v > TELLING}
    return verdict(
        (Example(name, round(v, 3), "the same mix under every label") for name, v in telling.items()),
        "Format and size of the files say little about the label.",
        lambda many: (
            f"{' and '.join(telling)} of the files {'gives' if many == 1 else 'give'} the label away: a model may "
            "learn how files were saved, not what they show. Save all of them in one way."
        ),
        value=round(max(strengths.values(), default=0.0), 4),
        limit=TELLING,
    )
