"""What the assets compute, as plain functions.

Belongs here: everything that can be tested in milliseconds without the graph. Does not belong here: Dagster.
"""
