"""The commands that need no graph: one file a group of them."""
