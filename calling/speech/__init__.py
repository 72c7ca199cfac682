"""The speech worker and the way to it: sound in, words and verdicts out.

A process of its own kind. It knows no call, no row and no project: a media worker sends it sound over a
local socket, and reads what was heard. Nothing here waits on behalf of a media worker.
"""
