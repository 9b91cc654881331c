"""The asset graph: Dagster definitions over the plain functions in ``pipeline``."""
