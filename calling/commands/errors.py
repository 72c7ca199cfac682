"""How exceptions of commands are reported: problems for REST, error frames for sockets.

One mapping for both, so that a refusal carries the same code and words on either way in.
"""

from __future__ import annotations

from calling.commands.params import InvalidParams
from calling.machine.inputs import Refused
from rest import errors


def refused(error: Refused) -> errors.ApiError:
    """409, with the state that the command met."""
    message = error.message if error.state in error.message else f"{error.message} (state: {error.state})"
    return errors.Conflict(error.code, message)


def invalid(error: InvalidParams) -> errors.ApiError:
    """422, one entry per wrong field."""
    return errors.Invalid(
        [
            errors.Problem("validation_error", fault.code, fault.message, fault.attribute)
            for fault in error.faults
        ]
    )


def register() -> None:
    """Teach the error handlers of `rest` these exceptions; called once, when the app is ready."""
    errors.translate(Refused, refused)
    errors.translate(InvalidParams, invalid)
