"""The commands that run the graph."""
