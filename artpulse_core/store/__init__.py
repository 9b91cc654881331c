"""The only SQL: events, labels, changes and reports, on SQLite or PostgreSQL."""
