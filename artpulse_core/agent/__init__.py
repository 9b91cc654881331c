"""The agent: one process a host that speaks to the registry and the database, so that workers need not."""
