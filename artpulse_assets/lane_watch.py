"""The end of a lane: labelled_events, drift_report and performance_report.

Belongs here: thin assets over ``pipeline.watch``; they read what was served and change nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from artpulse_assets import report
from artpulse_assets.pipeline import ingest, watch
from artpulse_assets.resources import Workshop
from artpulse_core.data.problem import Problem


class Window(dg.Config):
    """How far back the drift report looks."""

    rows: int = Field(default=watch.WINDOW, ge=1, description="The newest answers to compare.")


NAMES = ("labelled_events", "drift_report", "performance_report")
MOST_LABELS = 100_000
Common = Callable[[str, str, str, set[str]], dict[str, Any]]


def feedback(problem: Problem, workshop: Workshop) -> Any:
    """Labelled events of ``problem`` that can be learned from, as rows like pictures."""
    from artpulse_core.store import events

    return ingest.labelled_rows(problem, events.labelled(workshop.database, problem.name, limit=MOST_LABELS))


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """The three assets."""
    name = problem.name

    @dg.asset(
        **common(
            "labelled_events",
            "Answers whose truth came back; they join the next dataset.",
            ingest.VERSION,
            {"sql"},
        )
    )
    def labelled_events(workshop: Workshop) -> dg.Output[Any]:
        from artpulse_assets.pipeline.frames import digest
        from artpulse_core.store import events

        with report.failures():
            frame = feedback(problem, workshop)
        return dg.Output(
            frame,
            data_version=dg.DataVersion(digest(frame)),
            metadata={
                "labelled": len(frame),
                "of_answers": events.count(workshop.database, name),
            },
        )

    @dg.asset(
        **common(
            "drift_report",
            "Does what is asked still look like what was learned from?",
            watch.VERSION,
            {"numpy", "sql"},
        ),
        deps=[dg.AssetKey([name, "champion"])],
        check_specs=[
            dg.AssetCheckSpec(
                "no_drift", asset=[name, "drift_report"], description="No alarm, or too few rows to tell."
            )
        ],
    )
    def drift_report(context: dg.AssetExecutionContext, config: Window, workshop: Workshop) -> Iterator[Any]:
        from artpulse_assets.pipeline import cards
        from artpulse_core.control import served
        from artpulse_core.model import bundle
        from artpulse_core.store import events, reports

        with report.failures():
            version = workshop.registry.alias(problem.model, "champion")
            folder = served.champion_folder(problem, version, workshop.settings, workshop.registry)
            if folder is None or version is None:
                raise dg.Failure(f"{problem.model} has no champion to compare with.", allow_retries=False)
            loaded = bundle.load(folder)
            window = events.window(workshop.database, name, limit=config.rows)
            last = reports.latest(workshop.database, "drift", name)
            document = watch.drift_document(
                problem, loaded, version, window, last["document"] if last else None, workshop.now()
            )
            pictures = watch.drift_pictures(loaded, document, window)
            watch.publish_drift(
                workshop.settings.artifacts(name), document, cards.drift_html(document, pictures)
            )
            number = reports.add(workshop.database, "drift", name, document, workshop.now())
        blamed = [{"feature": key, **row} for key, row in document["features"].items() if row["drift"]]
        context.log.info(f"{document['status']}: " + " ".join(document["reasons"]))
        yield dg.Output(
            document,
            data_version=dg.DataVersion(str(number)),
            metadata={
                "status": document["status"],
                "drift_score": document["score"],
                "window": document["n_current"],
                "version": version,
                "episode": document["episode"] or "none",
                "reasons": dg.MetadataValue.md(
                    "\n".join(f"- {text}" for text in document["reasons"]) or "none"
                ),
                "blamed": report.table(
                    {key: row.get(key) for key in ("feature", "test", "effect", "p_value", "score")}
                    for row in blamed
                ),
                **{key: report.picture(png, key) for key, png in pictures.items()},
            },
        )
        yield dg.AssetCheckResult(
            check_name="no_drift",
            passed=not document["drift"],
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"status": document["status"], "score": document["score"]},
        )

    @dg.asset(
        **common(
            "performance_report",
            "How good the answers were, where the truth came back.",
            watch.VERSION,
            {"numpy", "sql"},
        ),
        deps=[dg.AssetKey([name, "champion"]), dg.AssetKey([name, "labelled_events"])],
    )
    def performance_report(workshop: Workshop) -> dg.Output[dict[str, Any]]:
        from artpulse_core.control import served
        from artpulse_core.model import bundle
        from artpulse_core.store import events, reports

        with report.failures():
            version = workshop.registry.alias(problem.model, "champion")
            folder = served.champion_folder(problem, version, workshop.settings, workshop.registry)
            if folder is None or version is None:
                raise dg.Failure(f"{problem.model} has no champion to look back at.", allow_retries=False)
            labels = bundle.load(folder).contract.target.labels
            told = events.labelled(workshop.database, name, limit=MOST_LABELS)
            answered = events.count(workshop.database, name)
            document = watch.performance_document(problem, labels, version, told, answered, workshop.now())
            reports.add(workshop.database, "performance", name, document, workshop.now())
        return dg.Output(
            document,
            metadata={
                "status": document["status"],
                "labelled_answers": document["n"],
                **{key: metric["value"] for key, metric in document["metrics"].items()},
            },
        )

    return [labelled_events, drift_report, performance_report]
