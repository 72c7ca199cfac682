"""Fuzzing of everything that reads what strangers send, with a kept corpus."""
