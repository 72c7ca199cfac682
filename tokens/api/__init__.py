"""REST of the tokens: one module per kind of token."""
