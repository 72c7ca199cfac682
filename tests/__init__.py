"""The tests of Callwright; one directory per room of the house."""
