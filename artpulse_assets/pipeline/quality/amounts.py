"""Checks on how much there is: rows, labels, balance, and what had to be left out.

Belongs here: counting. Does not belong here: looking into values (``values``) or at repetitions (``repeats``).
"""

from __future__ import annotations

from collections import Counter

from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, listed, verdict
from artpulse_assets.pipeline.quality.repeats import surplus
from artpulse_assets.pipeline.quality.sample import Sample


def minimum_samples(sample: Sample) -> Finding:
    """There are enough usable rows to learn anything from."""
    limits = sample.limits
    count = len(sample.frame)
    limit = limits.min_rows if sample.regression else limits.min_labels * limits.min_per_label
    reasons = ", ".join(f"{number:,} × {reason}" for reason, number in sorted(sample.left_out.items()))
    why = f" Left out were {reasons}; quarantine.csv names each and what to do." if reasons else ""
    enough = count >= limit
    return Finding(
        passed=enough,
        summary=f"{counted(count, f'usable {sample.thing}')} to learn from."
        if enough
        else f"There {'is' if count == 1 else 'are'} {counted(count, f'usable {sample.thing}')}; at least "
        f"{limit:,} are needed: add some.{why}",
        count=0 if enough else count,
        value=count,
        limit=limit,
    )


def minimum_labels(sample: Sample) -> Finding:
    """There are at least as many labels as it takes to tell anything apart."""
    found, limit = sorted(set(sample.labels.tolist())), sample.limits.min_labels
    enough = len(found) >= limit
    need = "folders with pictures" if sample.pictures else f"values of {sample.target_name}"
    only = f"There is only the label {found[0]!r}" if len(found) == 1 else f"There are {len(found)} labels"
    return Finding(
        passed=enough,
        summary=f"{counted(len(found), 'label')}: {listed(found, 6)}."
        if enough
        else f"{only}; at least {limit} {need} are needed.",
        value=len(found),
        limit=limit,
    )


def minimum_per_label(sample: Sample) -> Finding:
    """Every label has enough rows to be learned and judged."""
    counts = Counter(sample.labels.tolist())
    limit = sample.limits.min_per_label
    few = sorted((count, label) for label, count in counts.items() if count < limit)
    smallest = min(counts.values(), default=0)
    return verdict(
        (Example(label, count, f"at least {limit} {sample.thing}s") for count, label in few),
        f"Every label has at least {counted(smallest, sample.thing)}.",
        lambda many: (
            f"Label {few[0][1]!r} has {counted(few[0][0], f'usable {sample.thing}')}"
            f"{f' and {many - 1} more labels have too few' if many > 1 else ''}; at least {limit} are needed: "
            f"add {sample.thing}s, or leave the label out."
        ),
        value=smallest,
        limit=limit,
    )


def imbalance(sample: Sample) -> Finding:
    """No label outnumbers another so far that plain accuracy would mislead."""
    counts = Counter(sample.labels.tolist()).most_common()
    limit = sample.limits.max_imbalance
    if not counts:
        return Finding(True, "There are no labels to compare.", limit=limit)
    (largest, most), (_, least) = counts[0], counts[-1]
    small = [(label, count) for label, count in reversed(counts) if most > limit * count]
    return verdict(
        (Example(label, count, f"at least 1 for {limit:g} of {largest!r}") for label, count in small),
        f"The largest label, {largest!r}, has {most / least:.1f} times the {sample.thing}s of the smallest.",
        lambda many: (
            f"Label {largest!r} has {most / least:.0f} times the {sample.thing}s of {small[0][0]!r}: add "
            f"{sample.thing}s to {listed(label for label, _ in small)}, and read the figures label by label, not accuracy."
        ),
        value=round(most / least, 2),
        limit=limit,
    )


def left_out(sample: Sample) -> Finding:
    """What had to be left out, and what only repeats another row, is the smaller part of what was found."""
    repeated = len(surplus(sample)) if not sample.pictures else 0
    lost = len(sample.quarantine) + repeated
    total = len(sample.frame) + len(sample.quarantine)
    limit = sample.limits.max_left_out
    share = lost / total if total else 0.0
    reasons = Counter(sample.left_out)
    reasons["duplicate"] += repeated
    named = [(reason, count) for reason, count in reasons.most_common() if count]
    said = ", ".join(f"{count:,} × {reason}" for reason, count in named)
    return verdict(
        (Example(reason, count, f"at most {limit:.0%} in all") for reason, count in named)
        if share > limit
        else (),
        f"Nothing was left out of {counted(total, sample.thing)}."
        if not lost
        else f"{lost:,} of {counted(total, sample.thing)} were left out or repeat another ({said}).",
        lambda _: (
            f"{lost:,} of {counted(total, sample.thing)} are of no use ({said}): this is not the data it seems to "
            "be; mend the source, or raise quality.max_left_out when it is meant."
        ),
        value=round(share, 4),
        limit=limit,
    )
