"""A project's alerts: their conditions, when they are raised, and their delivery. Run by the sweep."""
