"""Control: the registry, and the only writer of what is served."""
