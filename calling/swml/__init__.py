"""SWML: parse and check (pure), step (pure), run (at the rim)."""
