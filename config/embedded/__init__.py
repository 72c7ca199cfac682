"""Engines of `make run` on a machine that has none: PostgreSQL, Valkey, a certificate, TURN."""
