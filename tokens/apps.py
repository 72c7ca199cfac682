"""The Django app of the tokens."""

from __future__ import annotations

from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "tokens"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from subscribers import idempotency
        from tokens import schema  # noqa: F401
        from tokens.authentication import caller_of

        idempotency.identify[:] = [caller_of]
