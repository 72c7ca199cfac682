"""Makes the typed parts of the clients for Python and Node from the OpenAPI document.

`python -m clients.generate openapi.json` writes them again. What is written by hand (requests, retries,
webhooks, the event stream) stands beside what is made, in the client's own folder.
"""
