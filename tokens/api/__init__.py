"""REST of the gate: one module per kind of token."""
