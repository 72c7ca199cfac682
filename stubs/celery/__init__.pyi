"""What the product uses of Celery: the application, tasks and their decorator."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

class Task(Generic[P, R]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def apply_async(
        self,
        args: Sequence[object] = ...,
        kwargs: Mapping[str, object] = ...,
        *,
        headers: Mapping[str, str] = ...,
        queue: str = ...,
        expires: float = ...,
        retry: bool = ...,
    ) -> object: ...

class Celery:
    conf: Mapping[str, Any]
    def __init__(self, main: str) -> None: ...
    def config_from_object(self, obj: str, *, namespace: str) -> None: ...
    def autodiscover_tasks(self, packages: Iterable[str]) -> None: ...
    def set_default(self) -> None: ...
    def send_task(
        self,
        name: str,
        args: Sequence[object] = ...,
        *,
        headers: Mapping[str, str] = ...,
        queue: str = ...,
        expires: float = ...,
        retry: bool = ...,
        ignore_result: bool = ...,
    ) -> object: ...

current_app: Celery
current_task: Any

def shared_task(*, name: str, ignore_result: bool = ...) -> Callable[[Callable[P, R]], Task[P, R]]: ...
