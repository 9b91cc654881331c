"""Feature sets (placeholder replaced by branch features)."""
