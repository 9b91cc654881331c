"""The tests: core, assets and api mirror the packages."""
