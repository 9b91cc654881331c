"""What the assets compute, as plain functions: importable, testable, free of Dagster."""
