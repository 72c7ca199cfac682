"""SWML documents: JSON values to a checked `Document`. Nothing runs before this passed. Pure.

A document that passes has only known verbs with known parameters, every expression in it compiles, and its
size, nesting and number of steps are bounded. Steps come out in one form, `{verb: {parameters}}`, whatever
shorthand they were written in. Errors are `BadScript` with the path. Text (JSON, YAML) is read in `read`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from calling.swml import conversation_relay
from calling.swml.checks import BadScript, Check, check_template, condition, is_template
from calling.swml.verbs import DEVICE, UNSUPPORTED, VERBS, link

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 50_000
MAIN: Final = "main"
BRANCHED: Final = ("connect", "execute", "join_conference")
"""Verbs whose `result` says what to do next, as a switch or a cond."""

NESTED: Final = ("result", "on_return", "confirm", "serial", "parallel", "serial_parallel")
"""Parameters that hold steps, or destinations with steps of their own: read with their own paths."""

WAYS: Final = ("to", "serial", "parallel", "serial_parallel", "conversation_relay")
"""What `connect` may lead to; one of them."""

Steps = list[dict[str, Any]]


@dataclass(frozen=True)
class Document:
    """A checked script. `sections` is JSON: name to steps, each `{verb: parameters}`."""

    sections: dict[str, Steps]

    def as_json(self) -> dict[str, Any]:
        return {"version": "1.0.0", "sections": self.sections}


def check_document(value: object) -> Document:
    """A document from parsed JSON. Raises BadScript."""
    _bounds(value)
    if not isinstance(value, dict):
        raise BadScript("", "a script is an object with sections")
    if value.get("version", "1.0.0") not in ("1.0.0", "1.0", 1, 1.0):
        raise BadScript("version", 'must be "1.0.0"')
    for key in value:
        if key not in ("version", "sections", "meta"):
            raise BadScript(str(key)[:64], "is not part of a script")
    sections = value.get("sections")
    if not isinstance(sections, dict) or not sections:
        raise BadScript("sections", "must be an object with at least the section main")
    if MAIN not in sections:
        raise BadScript("sections.main", "is missing")
    return Document({str(name): _steps(f"sections.{name}", steps) for name, steps in sections.items()})


def _bounds(value: object) -> None:
    """Size, depth and characters of the whole value, without recursion."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    seen = size = 0
    while pending:
        one, depth = pending.pop()
        seen += 1
        if seen > MAX_NODES or size > 2 * MAX_BYTES:
            raise BadScript("", "the script is too large")
        if depth > MAX_DEPTH:
            raise BadScript("", f"the script nests deeper than {MAX_DEPTH}")
        if isinstance(one, dict):
            for key, inner in one.items():
                if not isinstance(key, str):
                    raise BadScript("", f"the key {str(key)[:40]!r} must be text (put it in quotes)")
                pending += ((key, depth), (inner, depth + 1))
        elif isinstance(one, list):
            pending.extend((inner, depth + 1) for inner in one)
        elif isinstance(one, str):
            size += len(one)
            if _NOT_TEXT.search(one):
                raise BadScript("", "the script contains NUL or a lone surrogate")
        elif isinstance(one, float) and one - one != 0:
            raise BadScript("", "the script contains a number that is not finite")
        elif isinstance(one, int) and abs(one) > 2**63:
            raise BadScript("", "the script contains a number that is too large")
        elif not isinstance(one, int | float | None):
            raise BadScript("", "the script contains a value that is not JSON")


_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def _steps(path: str, value: object) -> Steps:
    if not isinstance(value, list):
        raise BadScript(path, "must be a list of steps")
    return [_step(f"{path}[{i}]", step) for i, step in enumerate(value)]


def _step(path: str, value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict) or len(value) != 1:
        raise BadScript(path, "a step is one verb, {verb: parameters} or its bare name")
    ((verb, given),) = value.items()
    path = f"{path}.{verb}" if verb in VERBS or verb in UNSUPPORTED else path
    if verb in UNSUPPORTED:
        raise BadScript(path, f"the verb {verb!r} is not supported")
    if verb not in VERBS:
        raise BadScript(path, f"unknown verb {verb[:64]!r}")
    special = _SPECIAL.get(verb)
    if special is not None:
        return {verb: special(path, given)}
    return {verb: _parameters(verb, path, given)}


def _parameters(verb: str, path: str, given: object) -> dict[str, Any]:
    spec = VERBS[verb]
    if given is None:
        given = {}
    if isinstance(given, list) and verb in ("play", "prompt"):
        given = {"urls" if verb == "play" else "play": given}
    if not isinstance(given, dict):
        if spec.scalar is None:
            raise BadScript(path, "takes an object")
        given = {spec.scalar: given}
    found = _checked(spec.fields, path, given)
    for needed in spec.needs:
        if needed not in found:
            raise BadScript(f"{path}.{needed}", "is missing")
    after = _AFTER.get(verb)
    if after is not None:
        after(path, found)
    if verb in BRANCHED and "result" in found:
        found["result"] = _result(f"{path}.result", found["result"])
    return found


def _checked(fields: Mapping[str, Check], path: str, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            raise BadScript(f"{path}.{key[:64]}", "is not a parameter of this verb")
        if value is None:
            continue
        if key not in NESTED:
            _templates(f"{path}.{key}", value)
        found[key] = value if is_template(value) else _plain(fields[key], f"{path}.{key}", value)
    return found


def _plain(check: Check, path: str, value: object) -> object:
    """Check now what holds no template; lists and tables with templates in them wait until they run."""
    if isinstance(value, list | dict) and _any_template(value):
        return value
    return check(path, value)


def _any_template(value: object) -> bool:
    if isinstance(value, dict):
        return any(_any_template(one) for one in value.values())
    return any(_any_template(one) for one in value) if isinstance(value, list) else is_template(value)


def _templates(path: str, value: object) -> None:
    """Every template in a value compiles."""
    if is_template(value):
        check_template(path, value)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            _templates(f"{path}[{i}]", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            _templates(f"{path}.{key}", one)


def _say_it_plainly(path: str, found: dict[str, Any]) -> None:
    if _any_template(found):
        raise BadScript(f"{path}.action", "must not hold an expression")


def _need_source(path: str, found: dict[str, Any]) -> None:
    given = [key for key in ("url", "urls", "play") if key in found]
    if len(given) != 1:
        raise BadScript(f"{path}.url", "is missing" if not given else f"only one of {' and '.join(given)}")
    found["urls"] = found.pop(given[0])
    if not isinstance(found["urls"], list):
        found["urls"] = [found["urls"]]
    if "loop" in found:
        found["loops"] = found.pop("loop")


def _connect(path: str, found: dict[str, Any]) -> None:
    ways = [key for key in WAYS if key in found]
    if len(ways) != 1:
        raise BadScript(f"{path}.to", "is missing" if not ways else f"only one of {' and '.join(ways)}")
    way = ways[0]
    if way == "conversation_relay":
        _relay(path, found)
        return
    if "action" in found:
        raise BadScript(f"{path}.action", "is allowed only with conversation_relay")
    shared = {key: found.pop(key) for key in DEVICE if key in found and key != "to"}
    here = path if way == "to" else f"{path}.{way}"
    if way == "to":
        groups: list[list[object]] = [[{"to": found["to"]}]]
    elif way == "serial":
        groups = [[one] for one in _listed(f"{path}.serial", found["serial"])]
    elif way == "parallel":
        groups = [_listed(f"{path}.parallel", found["parallel"])]
    else:
        groups = [_listed(f"{path}.{way}[{i}]", group) for i, group in enumerate(_listed(path, found[way]))]
    del found[way]
    found["groups"] = [[_device(here, one, shared) for one in group] for group in groups]
    if "ringback" in found:
        _ringback(f"{path}.ringback", found)


def _relay(path: str, found: dict[str, Any]) -> None:
    """A program in the place of a destination: nothing of a destination applies to it."""
    for key in found:
        if key not in ("conversation_relay", "action", "result"):
            raise BadScript(f"{path}.{key}", "is not allowed with conversation_relay")
    here = f"{path}.conversation_relay"
    found["conversation_relay"] = conversation_relay.written(here, found["conversation_relay"])


def _listed(path: str, value: object) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= 50:
        raise BadScript(path, "must be a list of 1 to 50 entries")
    return value


def _device(path: str, value: object, shared: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"to": value}
    if not isinstance(value, dict) or "to" not in value:
        raise BadScript(f"{path}.to", "is missing")
    kind = _KIND.match(str(value["to"]))
    if kind is not None and kind[1].lower() not in ("sip", "sips"):
        raise BadScript(f"{path}.to", f"begins with {kind[1].lower()[:40]}:, which is not supported")
    device = {**shared, **_checked(DEVICE, path, value)}
    if "confirm" in device:
        device["confirm"] = _confirm(f"{path}.confirm", device["confirm"])
    return device


_KIND = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")


def _confirm(path: str, value: object) -> object:
    """What the party that answers is asked: steps, or the URL of a document."""
    if isinstance(value, list):
        return _steps(path, value)
    if not isinstance(value, str):
        raise BadScript(path, "must be a list of steps or the URL of a document")
    if is_template(value):
        check_template(path, value)
        return value
    return link(path, value)


def _ringback(path: str, found: dict[str, Any]) -> None:
    given = found["ringback"]
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list):
        given = {"urls": given}
    found["ringback"] = _parameters("play", path, given)


def _result(path: str, value: object) -> dict[str, Any]:
    """A `result`: an object is a switch, a list is a cond; kept as one step."""
    if isinstance(value, list):
        return {"cond": _cond(path, value)}
    return {"switch": _switch(path, value)}


def _cond(path: str, value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise BadScript(path, "must be a list of {when, then}, optionally with a last {else}")
    found = []
    for i, one in enumerate(value):
        here = f"{path}[{i}]"
        if not isinstance(one, dict) or not ("when" in one or "else" in one):
            raise BadScript(here, "has neither when nor else")
        for key in one:
            if key not in ("when", "then", "else"):
                raise BadScript(f"{here}.{key[:64]}", "is not part of a condition")
        branch: dict[str, Any] = {}
        if "when" in one:
            branch = {"when": condition(f"{here}.when", one["when"])}
            branch["then"] = _steps(f"{here}.then", one.get("then", []))
        if "else" in one:
            branch["else"] = _steps(f"{here}.else", one["else"])
        found.append(branch)
    return found


def _switch(path: str, value: object, *, needs_variable: bool = False) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadScript(path, "must be an object with case")
    for key in value:
        if key not in ("variable", "case", "default"):
            raise BadScript(f"{path}.{key[:64]}", "is not a parameter of this verb")
    variable = value.get("variable", "" if not needs_variable else None)
    if not isinstance(variable, str) or (needs_variable and not variable):
        raise BadScript(f"{path}.variable", "must be the name of a variable")
    cases = value.get("case")
    if not isinstance(cases, dict):
        raise BadScript(f"{path}.case", "must be an object of values to steps")
    check_template(f"{path}.variable", variable)
    if variable and not is_template(variable):
        condition(f"{path}.variable", variable)
    steps = {key: _steps(f"{path}.case.{key[:64]}", one) for key, one in cases.items()}
    return {
        "variable": variable,
        "case": steps,
        "default": _steps(f"{path}.default", value.get("default") or []),
    }


def _execute(path: str, found: dict[str, Any]) -> None:
    if "on_return" in found:
        found["on_return"] = _steps(f"{path}.on_return", found["on_return"])


def _set(path: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadScript(path, "must be an object of variables")
    for key in value:
        if not re.fullmatch(r"[A-Za-z_$][\w$-]{0,127}(\.[\w$-]{1,128}){0,16}", key):
            raise BadScript(f"{path}.{key[:64]}", "is not the name of a variable")
    _templates(path, value)
    return value


def _unset(path: str, value: object) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if isinstance(names, dict):
        names = names.get("vars") if set(names) == {"vars"} else None
        names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
        raise BadScript(path, "must be the name of a variable or a list of names")
    _templates(path, names)
    return names


def _label(path: str, value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        raise BadScript(path, "must be text of 1 to 255 characters")
    return value


def _return(path: str, value: object) -> object:
    _templates(path, value)
    return value


_SPECIAL: Final[dict[str, Any]] = {
    "cond": _cond,
    "switch": lambda path, value: _switch(path, value, needs_variable=True),
    "set": _set,
    "unset": _unset,
    "label": _label,
    "return": _return,
}
_AFTER: Final[dict[str, Any]] = {
    "live_transcribe": _say_it_plainly,
    "play": _need_source,
    "prompt": _need_source,
    "connect": _connect,
    "execute": _execute,
}
