"""What the switchboard's own exceptions are to the outside: problems for REST, error frames for sockets.

One mapping for both, so that a refusal carries the same code and words on either way in.
"""

from __future__ import annotations

from calling.fields import Invalid
from calling.machine.inputs import Refused
from subscribers.http import problems


def refused(error: Refused) -> problems.ApiError:
    """409, with the state that the command met."""
    message = error.message if error.state in error.message else f"{error.message} (state: {error.state})"
    return problems.Conflict(error.code, message)


def invalid(error: Invalid) -> problems.ApiError:
    """422, one entry per wrong field."""
    return problems.Invalid(
        [
            problems.Problem("validation_error", fault.code, fault.message, fault.attribute)
            for fault in error.faults
        ]
    )


def register() -> None:
    """Teach the error handlers of `subscribers.http` these exceptions; called once, when the app is ready."""
    problems.translate(Refused, refused)
    problems.translate(Invalid, invalid)
