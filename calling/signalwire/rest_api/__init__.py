"""SignalWire's other REST paths, as its Python package calls them: numbers, recordings, voice logs, rooms.

What the platform does not have is refused by name (`known_paths`). The calling API and `fabric` live
elsewhere.
"""
