"""A client for Callwright: `Callwright` blocks, `AsyncCallwright` is for asyncio."""

from callwright_client import types
from callwright_client.client import AsyncCallwright, Callwright
from callwright_client.errors import ApiError, CallwrightError, InvalidSignature, StreamRefused, Unreachable
from callwright_client.webhooks import verify

__all__ = [
    "ApiError",
    "AsyncCallwright",
    "Callwright",
    "CallwrightError",
    "InvalidSignature",
    "StreamRefused",
    "Unreachable",
    "types",
    "verify",
]
