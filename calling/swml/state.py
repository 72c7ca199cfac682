"""Where a script is: the `Run` the interpreter steps through, as plain JSON. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]
"""{doc: index of its document, at: path to its list of steps, i: next step, kind: section|block|call,
params, tainted: names of params that came from the caller}"""


@dataclass
class Run:
    """Where a script is. Every field is JSON; `tainted` names the variables whose value came from the
    caller."""

    documents: list[dict[str, Any]]
    frames: list[Frame]
    call: dict[str, Any] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    envs: dict[str, Any] = field(default_factory=dict)
    tainted: list[str] = field(default_factory=list)
    jumps: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    pending: dict[str, Any] | None = None
    over: bool = False

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Run:
        return cls(**{one.name: value[one.name] for one in dataclasses.fields(cls)})


def new_frame(doc: int, at: list[Any], kind: str, params: dict[str, Any] | None = None) -> Frame:
    return {"doc": doc, "at": at, "i": 0, "kind": kind, "params": params, "tainted": []}


def storable(value: object, depth: int = 0) -> Any:
    """JSON without NaN and infinity, which PostgreSQL and JSON do not know, and no deeper than 32."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list):
        if depth >= 32:
            return None
        if isinstance(value, dict):
            return {key: storable(one, depth + 1) for key, one in value.items()}
        return [storable(one, depth + 1) for one in value]
    return value


def spelled(at: list[Any]) -> str:
    text = ""
    for key in at:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text
