"""The [quality] part of a problem file: the limits of the data quality checks.

Belongs here: every limit with its default, its range and its meaning. Does not belong here: the checks that use them
(``artpulse_assets.pipeline.quality``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as PydanticField

Share = Annotated[float, PydanticField(ge=0, le=1, allow_inf_nan=False)]
Above1 = Annotated[float, PydanticField(gt=1, allow_inf_nan=False)]
Positive = Annotated[float, PydanticField(gt=0, allow_inf_nan=False)]


def _says(default: Any, meaning: str) -> Any:
    return PydanticField(default=default, description=meaning)


class Quality(BaseModel):
    """The least data that can be learned from, and what a person should look at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_labels: Annotated[int, PydanticField(ge=2)] = _says(2, "fewest labels (classification)")
    min_per_label: Annotated[int, PydanticField(ge=2)] = _says(10, "fewest usable rows of each label")
    min_rows: Annotated[int, PydanticField(ge=20)] = _says(100, "fewest usable rows (regression)")
    max_imbalance: Above1 = _says(10.0, "most rows of the largest label for one of the smallest")
    max_left_out: Share = _says(
        0.5, "largest share of what was found that may be left out or repeat another row"
    )
    max_missing: Share = _says(0.3, "largest share of missing values in one column")
    max_untypical: Share = _says(0.01, "largest share of rows outside the typical range of one field")
    outlier_z: Positive = _says(10.0, "robust z-score from which a value counts as an outlier")
    label_noise: Share = _says(
        0.04, "largest share, by the lower estimate, of wrong labels or of far-off target values"
    )
    max_capped: Share = _says(0.1, "largest share of rows at target.capped_at")
    copy_correlation: Share = _says(
        0.999, "correlation with the target from which a column counts as its copy"
    )
    rare_level: Annotated[int, PydanticField(ge=1)] = _says(
        5, "a level of a category with fewer rows counts as rare"
    )
    small_side: Annotated[int, PydanticField(ge=16)] = _says(
        64, "a picture with a shorter side, in pixels, counts as very small"
    )
    max_aspect: Above1 = _says(4.0, "a picture longer than this many times its width counts as stretched")
    directions: dict[str, Literal[-1, 1]] = _says(
        {},
        "fields known to rise (1) or fall (-1) with the target, or with its positive label; a target that most of "
        "them contradict is inverted",
    )


def documented() -> list[tuple[str, Any, str]]:
    """Key, default and meaning of every limit, for the documentation and the test that compares it."""
    return [(name, item.default, item.description or "") for name, item in Quality.model_fields.items()]
