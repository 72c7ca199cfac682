"""One test for each line of docs' "When something dies" that needs more than one process.

Elsewhere already: a killed or frozen worker and PostgreSQL's sound (`tests/e2e`), a lost socket
(`tests/sockets/test_lost_sockets.py`), engines and supervisor (`tests/config`), webhook receivers
(`tests/webhooks`).
"""
