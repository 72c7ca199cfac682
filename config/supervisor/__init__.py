"""The one supervisor of `make run`: starts, watches, restarts and stops every process of an instance.

Circus and honcho were weighed. honcho neither restarts nor waits for readiness. circus does restart, but
opens control sockets on TCP that any local user may command, stops a flapping process for good instead of
backing off, and ties no child to its own death. What is left to a library is `subprocess.Popen`; the rest
is in `watch`.
"""
