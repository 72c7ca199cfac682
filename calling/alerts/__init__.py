"""A project's alerts: what is watched, when an alert is raised, and who is told. Started by the sweep."""
