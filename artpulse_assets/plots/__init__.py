"""Figures as PNG bytes: pure functions from arrays to pictures.

Belongs here: how a figure looks. Does not belong here: reading data, measuring quality, writing files, Dagster.
Each function draws on a canvas of its own (no pyplot), so figures can be made from any thread and nothing stays
open. Names of labels and features come from users and are never read as markup.
"""

from artpulse_assets.plots.comparison import feature_importance, model_comparison
from artpulse_assets.plots.correlation import correlation_heatmap
from artpulse_assets.plots.data import class_balance, histograms, missing_values
from artpulse_assets.plots.decisions import learning_curve, threshold_costs
from artpulse_assets.plots.drift import drift_overview, reference_vs_current
from artpulse_assets.plots.gallery import error_gallery
from artpulse_assets.plots.parts import slices
from artpulse_assets.plots.pictures import markdown_image, thumbnails
from artpulse_assets.plots.quality import calibration, confusion, roc
from artpulse_assets.plots.regression import coverage, predictions_vs_actual, residuals
from artpulse_assets.plots.tables import categories, outliers, target

__all__ = [
    "calibration",
    "categories",
    "class_balance",
    "confusion",
    "correlation_heatmap",
    "coverage",
    "drift_overview",
    "error_gallery",
    "feature_importance",
    "histograms",
    "learning_curve",
    "markdown_image",
    "missing_values",
    "model_comparison",
    "outliers",
    "predictions_vs_actual",
    "reference_vs_current",
    "residuals",
    "roc",
    "slices",
    "target",
    "threshold_costs",
    "thumbnails",
]
