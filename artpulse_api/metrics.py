"""The metrics of the API, under the names alerts and dashboards use.

Belongs here: every metric object and the few methods that count. Labels are closed sets (a route's rule, never a
raw path), so that a scan of unknown addresses cannot grow them. Does not belong here: the probe port's server.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from math import inf

from flask import Flask
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_flask_exporter import PrometheusMetrics

CONFIDENCE_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
INFERENCE_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """One application's metrics; in a gunicorn worker the files of PROMETHEUS_MULTIPROC_DIR hold the values."""

    def __init__(self, latency_buckets: tuple[float, ...]) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "api_requests_total",
            "Requests answered.",
            ("method", "endpoint", "http_status"),
            registry=registry,
        )
        self._latency = Histogram(
            "api_request_latency_seconds",
            "Time from the first byte read to the answer.",
            ("endpoint",),
            buckets=latency_buckets,
            registry=registry,
        )
        self._predictions = Counter(
            "artpulse_predictions_total",
            "Rows answered.",
            ("problem", "version", "slot", "label"),
            registry=registry,
        )
        self._inference = Histogram(
            "artpulse_prediction_latency_seconds",
            "Time the model needed for one request.",
            ("problem", "slot"),
            buckets=INFERENCE_BUCKETS,
            registry=registry,
        )
        self._confidence = Histogram(
            "artpulse_prediction_confidence",
            "Probability of the label that was answered.",
            ("problem",),
            buckets=CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self._prediction_errors = Counter(
            "artpulse_prediction_errors_total",
            "Rows and pictures refused, and models that failed.",
            ("problem", "slot", "code"),
            registry=registry,
        )
        self._auth_failures = Counter(
            "artpulse_auth_failures_total",
            "Requests refused for their key.",
            ("reason",),
            registry=registry,
        )
        self._dropped = Counter(
            "artpulse_events_dropped_total", "Event lines that could not be written.", registry=registry
        )
        self._load_failures = Counter(
            "artpulse_model_load_failures_total",
            "Models a worker could not load.",
            ("problem",),
            registry=registry,
        )
        self._model_info = Gauge(
            "artpulse_model_info",
            "1 while a worker has this model in a slot.",
            ("problem", "alias", "version", "digest"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._model_age = Gauge(
            "artpulse_model_age_seconds",
            "Age of the model in service.",
            ("problem",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._sequence = Gauge(
            "artpulse_release_sequence",
            "Release the slowest worker answers from.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._staleness = Gauge(
            "artpulse_registry_staleness_seconds",
            "Time since the agent last heard from the registry.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._refused = Gauge(
            "artpulse_champion_refused",
            "1 while the registry's champion cannot be served and an older model answers.",
            ("problem",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._percent = Gauge(
            "artpulse_rollout_percent",
            "Share of the requests that the release gives to the secondary.",
            ("problem",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._routed = Counter(
            "artpulse_rollout_routed_total",
            "Requests by the slot they belong to, while a share is given away.",
            ("problem", "slot"),
            registry=registry,
        )
        self._shadow_compared = Counter(
            "artpulse_shadow_compared_total",
            "Rows that both slots answered.",
            ("problem",),
            registry=registry,
        )
        self._shadow_disagreements = Counter(
            "artpulse_shadow_disagreements_total",
            "Rows to which the slots gave different labels.",
            ("problem",),
            registry=registry,
        )
        self._shadow_dropped = Counter(
            "artpulse_shadow_dropped_total",
            "Rows the secondary was not asked for: the queue was full, or the worker ended.",
            ("problem",),
            registry=registry,
        )
        self.in_flight = Gauge(
            "artpulse_in_flight",
            "Requests being answered now.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._children: dict[tuple[str, ...], tuple[Counter, Histogram]] = {}
        self._label_counters: dict[tuple[str, ...], Counter] = {}
        self._routed_counters: dict[tuple[str, str], Counter] = {}
        self._problem_histograms: dict[tuple[str, str], tuple[Histogram, Histogram]] = {}
        self._exporter: PrometheusMetrics | None = None

    def attach(self, app: Flask) -> None:
        """Let the exporter collect for ``app``; its default series carry raw paths and stay off."""
        self._exporter = PrometheusMetrics(
            app, path=None, export_defaults=False, export_info=False, registry=self._registry
        )

    def text(self, accept: str | None) -> tuple[str, str]:
        """All metrics of the host's workers and their content type."""
        if self._exporter is None:
            raise RuntimeError("attach() was not called")
        text, content_type = self._exporter.generate_metrics(accept)
        return text, content_type

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method if method in METHODS else "OTHER", endpoint, str(status))
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = (self._requests.labels(*key), self._latency.labels(endpoint))
        found[0].inc()
        found[1].observe(seconds)

    def predicted(
        self,
        problem: str,
        version: str,
        slot: str,
        *,
        labels: Sequence[str],
        confidences: Sequence[float],
        rows: int,
        seconds: float,
    ) -> None:
        """Count the answered ``rows`` of one request, by label where the answers are labels."""
        pair = self._problem_histograms.get((problem, slot))
        if pair is None:
            pair = (self._inference.labels(problem, slot), self._confidence.labels(problem))
            self._problem_histograms[problem, slot] = pair
        pair[0].observe(seconds)
        for confidence in confidences:
            pair[1].observe(confidence)
        for label in labels or [""] * rows:
            key = (problem, version, slot, label)
            counter = self._label_counters.get(key)
            if counter is None:
                counter = self._label_counters[key] = self._predictions.labels(*key)
            counter.inc()

    def prediction_error(self, problem: str, slot: str, code: str, rows: int = 1) -> None:
        """Count rows that got no answer; ``code`` is a stable word."""
        self._prediction_errors.labels(problem, slot, code).inc(rows)

    def rollout(self, problem: str, mode: str, percent: float) -> None:
        """Say what share the secondary has; counters that may come are there from now on, with 0."""
        self._percent.labels(problem).set(percent)
        if mode == "shadow":
            for counter in (self._shadow_compared, self._shadow_disagreements, self._shadow_dropped):
                counter.labels(problem)
        elif percent:
            for slot in ("primary", "secondary"):
                self._routed.labels(problem, slot)

    def routed(self, problem: str, slot: str) -> None:
        """Count a request that belongs to ``slot``, before it is answered."""
        counter = self._routed_counters.get((problem, slot))
        if counter is None:
            counter = self._routed_counters[problem, slot] = self._routed.labels(problem, slot)
        counter.inc()

    def shadow_compared(self, problem: str, rows: int, differ: int) -> None:
        """Count rows both slots answered, and those with different labels."""
        self._shadow_compared.labels(problem).inc(rows)
        self._shadow_disagreements.labels(problem).inc(differ)

    def shadow_dropped(self, problem: str, rows: int) -> None:
        """Count rows the secondary was not asked for."""
        self._shadow_dropped.labels(problem).inc(rows)

    def auth_failure(self, reason: str) -> None:
        """Count a request refused for its key."""
        self._auth_failures.labels(reason).inc()

    def events_dropped(self, rows: int) -> None:
        """Count event lines that could not be written."""
        self._dropped.inc(rows)

    def load_failure(self, problem: str) -> None:
        """Count a model that could not be loaded."""
        self._load_failures.labels(problem).inc()

    def serving(self, problem: str, alias: str, version: str, digest: str, *, on: bool) -> None:
        """Say that a model entered (``on``) or left service in this worker."""
        self._model_info.labels(problem, alias, version, digest).set(1 if on else 0)

    def refused(self, problems: Iterable[str], now: Container[str]) -> None:
        """Say of each of ``problems`` whether the agent refuses its champion."""
        for problem in problems:
            self._refused.labels(problem).set(1 if problem in now else 0)

    def ages(self, sequence: int, models: Iterable[tuple[str, float]], registry: float | None) -> None:
        """Set the gauges that change by themselves: seconds by problem, and since the registry answered."""
        self._sequence.set(sequence)
        for problem, seconds in models:
            self._model_age.labels(problem).set(seconds)
        self._staleness.set(inf if registry is None else registry)  # never heard of is the stalest there is
