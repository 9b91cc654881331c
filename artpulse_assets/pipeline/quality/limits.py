"""The limits of the data quality checks: the keys of [quality] in a problem file.

Belongs here: every limit with its default and its meaning. Does not belong here: the checks that use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _limit(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Limits:
    """Limits of one problem; what its file does not state has the default."""

    min_rows: int = _limit(20, "fewest usable rows that can be learned from")
    min_labels: int = _limit(2, "fewest labels (classification)")
    min_per_label: int = _limit(10, "fewest usable rows of each label")
    max_imbalance: float = _limit(10.0, "most rows the largest label may have for one of the smallest")
    max_left_out: float = _limit(
        0.5, "largest share of what was found that may be left out, repetitions included"
    )
    max_missing: float = _limit(0.3, "largest share of missing values in one column")
    max_untypical: float = _limit(0.01, "largest share of rows outside the typical range of one field")
    outlier_z: float = _limit(10.0, "robust z-score from which a value counts as an outlier")
    label_noise: float = _limit(0.08, "largest estimated share of wrong labels, or of far-off targets")
    max_capped: float = _limit(0.1, "largest share of rows at target.capped_at")
    copy_correlation: float = _limit(0.999, "correlation with the target from which a column is its copy")
    rare_level: int = _limit(5, "a level of a category with fewer rows is rare")
    small_side: int = _limit(64, "a picture with a shorter side in pixels is very small")
    max_aspect: float = _limit(4.0, "a picture longer than this many times its width, or wider, is odd")
    directions: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "meaning": 'fields known to rise ("up") or fall ("down") with the target or positive_label; '
            "a target that most of them contradict is inverted"
        },
    )

    @classmethod
    def of(cls, stated: Any) -> Limits:
        """The limits of the [quality] part of a problem; keys it does not know have their default."""
        known = {item.name: getattr(stated, item.name, None) for item in fields(cls)}
        return cls(**{name: value for name, value in known.items() if value is not None})


def documented() -> list[tuple[str, Any, str]]:
    """Key, default and meaning of every limit, for the documentation and the test that compares it."""
    default = Limits()
    return [(item.name, getattr(default, item.name), str(item.metadata["meaning"])) for item in fields(Limits)]
