"""REST of the directory: one module per resource, one generic pair of views."""
