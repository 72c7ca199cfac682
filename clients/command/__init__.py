"""The `callwright` command: calls, events and tokens of an instance from a terminal.

It speaks REST alone and imports nothing of the product, so that it works against any instance.
"""
