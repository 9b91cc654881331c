"""The files that pass between the agent and the request workers; every one is written whole."""
