"""ArtPulse core: contract, features, model, drift, gates, store, control and agent; no framework."""
