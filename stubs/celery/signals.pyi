from collections.abc import Callable
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

class Signal:
    @overload
    def connect(self, receiver: F) -> F: ...
    @overload
    def connect(self, *, weak: bool) -> Callable[[F], F]: ...

setup_logging: Signal
worker_ready: Signal
worker_shutdown: Signal
worker_shutting_down: Signal
