"""Drift: does a window of events still look like the data the model was trained on?

Belongs here: the reference profile, tests of a window against it, and the report. Does not belong here:
reading events (``artpulse_core.store``), deciding to retrain (the sensors). An alarm needs significance,
corrected over all features, and an effect large enough to matter.
"""

from artpulse_core.drift.compare import compare, detect
from artpulse_core.drift.profile import Profile
from artpulse_core.drift.report import DriftReport

__all__ = ["DriftReport", "Profile", "compare", "detect"]
