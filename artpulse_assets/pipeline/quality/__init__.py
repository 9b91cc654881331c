"""Data quality: named checks on a dataset, the report of them and its page.

Belongs here: what a person, or the graph before it trains, should know about the rows. Does not belong here: leaving
rows out (``pipeline.dataset``) or dividing them (``pipeline.split``).
"""

from artpulse_assets.pipeline.quality.finding import Check, Example, Finding
from artpulse_assets.pipeline.quality.looking import kept, looks
from artpulse_assets.pipeline.quality.pages import page, thumbnails, verdict, write
from artpulse_assets.pipeline.quality.registry import CHECKS, NOISE, Entry, Hook, applicable
from artpulse_assets.pipeline.quality.reporting import QualityReport, report

__all__ = [
    "CHECKS", "NOISE", "Check", "Entry", "Example", "Finding", "Hook", "QualityReport", "applicable", "kept", "looks",
    "page", "report", "thumbnails", "verdict", "write",
]  # fmt: skip
