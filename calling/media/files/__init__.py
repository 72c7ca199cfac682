"""Media files: fetched by the guard, sniffed, decoded in a process of their own, kept as prepared packets."""
