"""The unmodified `signalwire-sdk` RestClient against a live server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.signalwire.calling_api.conftest import client_of
from tests.support.people import Cast, make_cast, make_mallory

rest = pytest.importorskip("signalwire.rest", reason="needs the signalwire-sdk package")


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(live_server: Any, cast: Cast) -> Any:
    return client_of(cast, live_server)


@pytest.fixture
def stranger(live_server: Any, transactional_db: None) -> Any:
    """The client of mallory's project."""
    return client_of(make_mallory(), live_server)


def refusal(status: int, act: Callable[..., Any], /, *args: Any, **more: Any) -> dict[str, Any]:
    """The first error that the SDK raises for an act."""
    with pytest.raises(rest.SignalWireRestError) as refused:
        act(*args, **more)
    assert refused.value.status_code == status, refused.value.body
    error: dict[str, Any] = refused.value.body["errors"][0]
    return error


def fields_of(name: str, module: str) -> set[str]:
    """The field names that the package's own type of an answer has."""
    import importlib

    found = importlib.import_module(f"signalwire.rest.namespaces.{module}_types_generated")
    return set(getattr(found, name).__annotations__)
