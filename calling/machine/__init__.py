"""The call machine: pure, standard library only.

`decide.decide(world, input, now, limits)` is the only way a call changes. Nothing here reads a clock,
a row, a socket or a setting; nothing here is allowed to import anything outside the standard library.
"""
