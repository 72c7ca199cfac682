"""The SWML interpreter: steps through a checked document and yields Actions. Pure: no clock, no I/O.

`start` makes a `Run`, `advance(run, outcome)` takes the outcome of the last Action and gives the next one.
A Run is plain JSON between two calls (`as_json`, `from_json`), so a script may carry on in another process.
Control flow (goto, cond, switch, set, unset, execute, return, transfer between sections) happens in here.
Bounded: 10,000 steps and 32 nested `execute`s a run, 64 kB of variables, and a budget of work per call to
`advance`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from calling.swml.actions import Action, Done, Fetch, Hangup, Transfer
from calling.swml.build import BUILDERS, WAITING, Step
from calling.swml.checks import BadScript
from calling.swml.conversation_relay import AFTER
from calling.swml.expressions import (
    ALL_VARIABLES,
    Scope,
    compile_condition,
    evaluate,
    holds,
    roots,
    start_before,
    substitute,
)
from calling.swml.grammar import BadExpression
from calling.swml.outcomes import settle
from calling.swml.parse import Document, check_document
from calling.swml.state import Frame, Run, new_frame, spelled, storable
from calling.swml.values import Fuel, TooMuchWork, to_text

MAX_STEPS: Final = 10_000
MAX_CALLS: Final = 32
MAX_FRAMES: Final = 200
MAX_VARIABLES: Final = 65_536


def start(
    document: Document,
    *,
    call: Mapping[str, Any],
    envs: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Run:
    """A run at the first step of `main`. `call` is SWML's call object (call_id, from, to, headers, …)."""
    return Run(
        documents=[document.as_json()],
        frames=[new_frame(0, ["sections", "main"], "section", dict(params or {}))],
        call=dict(call),
        envs=dict(envs or {}),
    )


def advance(run: Run, outcome: Mapping[str, Any] | None = None) -> tuple[Run, Action]:
    """Carry on after the last Action ended with `outcome`, up to the next Action. Changes `run` too.

    Never raises for anything a document or an outcome holds: what cannot go on ends in Done(error).
    """
    if run.over:
        return run, Done("")
    machine = _Machine(run, Fuel())
    try:
        action = machine.go(dict(outcome or {}))
    except BadScript as problem:
        action = Done(problem.path, error=str(problem))
    except BadExpression as problem:
        action = Done(machine.path, error=f"{machine.path}: {problem}")
    except (TooMuchWork, RecursionError, OverflowError, MemoryError):
        action = Done(machine.path, error=f"{machine.path}: the script asks for too much work in one go")
    run.over = isinstance(action, Done | Hangup)
    return run, action


class _Machine:
    """One call to `advance`: the run, the fuel left for it, and the path of the step at work."""

    def __init__(self, run: Run, fuel: Fuel) -> None:
        self.run, self.fuel, self.path = run, fuel, ""

    @property
    def home(self) -> Frame:
        """The section (or executed section) the innermost block belongs to."""
        return next(frame for frame in reversed(self.run.frames) if frame["kind"] != "block")

    def scope(self) -> Scope:
        run = self.run
        params = self.home["params"] or {} if run.frames else {}
        return Scope(run.call, run.vars, params, run.envs, self.fuel)

    def go(self, outcome: dict[str, Any]) -> Action:
        pending, self.run.pending = self.run.pending, None
        if pending is not None:
            self.path = pending["path"]
            action = self._resume(pending, outcome)
            if action is not None:
                return action
        while self.run.frames:
            action = self._step()
            if action is not None:
                return action
        return Done("")

    def _resume(self, pending: dict[str, Any], outcome: dict[str, Any]) -> Action | None:
        verb = pending["verb"]
        if verb in ("execute", "transfer") and pending.get("fetch"):
            document = outcome.get("document")
            if not isinstance(document, dict):
                error = to_text(outcome.get("error")) or "the document could not be loaded"
                raise BadScript(self.path, error[:300])
            self._enter(verb, document, pending["params"], pending["tainted"], pending["step"])
            return None
        for name, value, tainted in settle(verb, pending, outcome):
            self.set(name, value, tainted=tainted)
        if verb == "connect" and (after := self._at(pending["at"]).get("action")):
            return self._go_to("transfer", pending["at"], {"dest": after, "params": dict(AFTER)})
        if verb == "connect" and outcome.get("result") == "connected":
            after = self._at(pending["at"]).get("transfer_after_bridge")
            if after:
                return self._go_to("transfer", pending["at"], {"dest": after})
        if pending.get("result") and self.run.frames:
            self._branch(pending["at"], pending["result_of"])
        return None

    def _step(self) -> Action | None:
        run = self.run
        frame = run.frames[-1]
        steps = self._steps(frame)
        self.fuel.burn(3)
        if frame["i"] >= len(steps):
            self._leave(None)
            return None
        index = frame["i"]
        frame["i"] = index + 1
        run.steps += 1
        ((verb, given),) = steps[index].items()
        at = [*frame["at"], index, verb]
        self.path = spelled(at)
        if run.steps > MAX_STEPS:
            raise BadScript(self.path, f"the script ran more than {MAX_STEPS} steps")
        flow = _FLOW.get(verb)
        if flow is not None:
            return flow(self, at, given)
        step = self._built(verb, given)
        action = BUILDERS[verb](step)
        if not isinstance(action, Hangup | Done):
            now = {key: value for key, value in given.items() if key not in WAITING}
            caller = [key for key, value in now.items() if self.came_from_caller(value)]
            run.pending = {"verb": verb, "path": self.path, "at": at, "caller": caller, **step.remember}
            if "result" in given:
                run.pending |= {"result": True, "result_of": verb}
        return action

    def _built(self, verb: str, given: dict[str, Any]) -> Step:
        return Step(verb, self.path, given, self.scope(), self.came_from_caller, self.before_caller)

    def _steps(self, frame: Frame) -> list[dict[str, Any]]:
        value: Any = self.run.documents[frame["doc"]]
        for key in frame["at"]:
            value = value[key]
        return list(value) if not isinstance(value, list) else value

    def _block(self, at: list[Any]) -> None:
        """Enter a list of steps inside the current section."""
        if len(self.run.frames) >= MAX_FRAMES:
            raise BadScript(self.path, "the script nests too deep")
        self.run.frames.append(new_frame(self.run.frames[-1]["doc"], at, "block"))

    def _leave(self, value: object) -> None:
        """Pop the innermost frame; the end of an executed section returns `value` to who executed it."""
        frame = self.run.frames.pop()
        if frame["kind"] != "call":
            return
        del self.run.documents[max([one["doc"] for one in self.run.frames], default=0) + 1 :]
        self.set("return_value", value, tainted=bool(frame.get("returns_tainted")))
        step_at = frame["step"]
        step = self._at(step_at)
        if "result" in step:
            self._branch(step_at, "execute")
        if "on_return" in step:
            self._block([*step_at, "on_return"])

    def _at(self, at: list[Any]) -> Any:
        value: Any = self.run.documents[self.run.frames[-1]["doc"]] if self.run.frames else {}
        for key in at:
            value = value[key]
        return value

    def _branch(self, at: list[Any], verb: str) -> None:
        """Take the `result` of a connect, execute or join_conference."""
        ((kind, given),) = self._at([*at, "result"]).items()
        here = [*at, "result", kind]
        if kind == "cond":
            self._cond(here, given)
        else:
            fallback = "connect_result" if verb == "connect" else "return_value"
            self._switch(here, given, fallback)

    # control flow; each takes (path, parameters) and gives an Action or None

    def _cond(self, at: list[Any], given: list[dict[str, Any]]) -> None:
        scope = self.scope()
        for i, branch in enumerate(given):
            self.fuel.burn(1)
            if "when" in branch and holds(branch["when"], scope):
                return self._block([*at, i, "then"])
            if "else" in branch:
                return self._block([*at, i, "else"])
        return None

    def _switch(self, at: list[Any], given: dict[str, Any], fallback: str = "") -> None:
        variable = given["variable"] or fallback
        value = to_text(evaluate(compile_condition(variable), self.scope()))
        if value in given["case"]:
            return self._block([*at, "case", value])
        return self._block([*at, "default"])

    def _goto(self, at: list[Any], given: dict[str, Any]) -> None:
        if "when" in given and not holds(given["when"], self.scope()):
            return
        if self.came_from_caller(given["label"]):
            raise BadScript(f"{self.path}.label", "contains caller input, which cannot name a label")
        values = self._built("goto", {k: v for k, v in given.items() if k != "when"}).values()
        counter = f"{self.run.frames[-1]['doc']}:{self.path}"
        if self.run.jumps.get(counter, 0) >= values["max"]:
            return
        self.run.jumps[counter] = self.run.jumps.get(counter, 0) + 1
        for depth in range(len(self.run.frames) - 1, -1, -1):
            frame = self.run.frames[depth]
            steps = self._steps(frame)
            self.fuel.burn(len(steps) >> 2)
            for i, one in enumerate(steps):
                if one.get("label") == values["label"]:
                    del self.run.frames[depth + 1 :]
                    frame["i"] = i + 1
                    return
            if frame["kind"] != "block":
                break
        raise BadScript(self.path, f"there is no label {to_text(values['label'])[:64]!r} in this section")

    def _set(self, at: list[Any], given: dict[str, Any]) -> None:
        for name, value in given.items():
            self.set(name, substitute(value, self.scope()), tainted=self.came_from_caller(value))

    def _unset(self, at: list[Any], given: list[str]) -> None:
        for name in substitute(given, self.scope()):
            owner, _, last = to_text(name).removeprefix("vars.").rpartition(".")
            place = self._owner(owner.split(".")) if owner else self.run.vars
            place.pop(last, None)

    def _return(self, at: list[Any], given: object) -> None:
        tainted = self.came_from_caller(given)
        value = substitute(given, self.scope()) if given != {} else None
        while self.run.frames and self.run.frames[-1]["kind"] == "block":
            self.run.frames.pop()
        frame = self.run.frames[-1]
        if frame["kind"] == "call":
            frame["returns_tainted"] = tainted
            self._leave(value)
        else:
            self.run.frames.clear()

    def _execute(self, at: list[Any], given: dict[str, Any]) -> Action | None:
        return self._go_to("execute", at, given)

    def _transfer(self, at: list[Any], given: dict[str, Any]) -> Action | None:
        return self._go_to("transfer", at, given)

    def _go_to(self, verb: str, at: list[Any], given: dict[str, Any]) -> Action | None:
        self.fuel.burn(8)  # what going elsewhere costs besides
        keep: dict[str, Any] = {key: given[key] for key in ("dest", "params") if key in given}
        step = self._built(verb, keep)
        values = step.values()
        dest, params = str(values["dest"]).strip(), dict(values.get("params") or {})
        written = given.get("params") or {}
        tainted = (
            [name for name, value in written.items() if self.came_from_caller(value)]
            if isinstance(written, dict)
            else list(params)
        )
        # The caller's words are a destination at most: a section, a document or the URL of one would run
        # with the project's rights.
        from_caller = self.came_from_caller(given["dest"])
        document = self.run.documents[self.run.frames[-1]["doc"]]
        if dest in document["sections"] and not from_caller:
            self._enter(verb, None, params, tainted, at, dest)
            return None
        if dest.startswith("{") and not from_caller:
            self._enter(verb, _inline(self.path, dest), params, tainted, at)
            return None
        memory = {"verb": verb, "path": self.path, "at": at, "step": at, "params": params, "tainted": tainted}
        if dest.lower().startswith(("http://", "https://")):
            step.judge_url(f"{self.path}.dest", given["dest"].lstrip(), dest, query_only=True)
            self.run.pending = {**memory, "fetch": True}
            return Fetch(self.path, dest, params, self.run.vars, from_caller)
        if verb == "transfer" and dest.startswith(("/", "+", "sip:", "sips:")):
            self.run.pending = memory
            return Transfer(self.path, dest, from_caller)
        if from_caller:
            only = "can only be a destination" if verb == "transfer" else "cannot be executed"
            raise BadScript(f"{self.path}.dest", f"contains caller input, which {only}")
        raise BadScript(f"{self.path}.dest", f"there is no section {dest[:64]!r}")

    def _enter(
        self,
        verb: str,
        document: dict[str, Any] | None,
        params: dict[str, Any],
        tainted: list[str],
        step: list[Any],
        section: str = "main",
    ) -> None:
        """Go into a section: of this document, or `main` of another one."""
        run = self.run
        doc = run.frames[-1]["doc"]
        if document is not None:
            if not isinstance(document.get("sections"), dict) or "main" not in document["sections"]:
                raise BadScript(self.path, "the document has no section main")
            doc = len(run.documents)
            run.documents.append(document)
        if verb == "transfer":
            run.documents[:] = [run.documents[doc]]
            run.jumps.clear()
            run.frames[:] = [new_frame(0, ["sections", section], "section", params)]
        else:
            calls = sum(1 for frame in run.frames if frame["kind"] == "call")
            if calls >= MAX_CALLS or len(run.frames) >= MAX_FRAMES:
                raise BadScript(self.path, f"execute nests deeper than {MAX_CALLS}")
            run.frames.append({**new_frame(doc, ["sections", section], "call", params), "step": step})
        run.frames[-1]["tainted"] = tainted

    # variables

    def set(self, name: str, value: object, *, tainted: bool = False) -> None:
        *owners, last = name.removeprefix("vars.").split(".")
        self._owner(owners)[last] = storable(value)
        root = owners[0] if owners else last
        if tainted and root not in self.run.tainted:
            self.run.tainted.append(root)
        elif not tainted and not owners and root in self.run.tainted:
            self.run.tainted.remove(root)
        size = len(json.dumps(self.run.vars, ensure_ascii=False))
        self.fuel.burn(size >> 7)
        if size > MAX_VARIABLES:
            raise BadScript(self.path, f"the script's variables are more than {MAX_VARIABLES // 1024} kB")

    def _owner(self, names: list[str]) -> dict[str, Any]:
        place = self.run.vars
        for name in names:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        return place

    def came_from_caller(self, value: object) -> bool:
        """Whether a template reads anything the caller gave: keys, numbers, names, headers."""
        self.fuel.burn(2)
        return self._is_callers(roots(value))

    def before_caller(self, text: str) -> str:
        """What a template says before the first word of the caller's."""
        return start_before(text, self.scope(), self._is_callers)

    def _is_callers(self, names: Iterable[str]) -> bool:
        params = self.home
        for root in names:
            if root == "call" or root in self.run.tainted:
                return True
            if root == ALL_VARIABLES and (self.run.tainted or params["tainted"]):
                return True
            if root.startswith("params.") and root.removeprefix("params.") in params["tainted"]:
                return True
        return False


def _inline(path: str, text: str) -> dict[str, Any]:
    try:
        return check_document(json.loads(text)).as_json()
    except BadScript as problem:
        raise BadScript(f"{path}.dest", str(problem)) from None
    except (ValueError, RecursionError):
        raise BadScript(f"{path}.dest", "the inline document is not JSON") from None


_FLOW: Final[Mapping[str, Callable[[_Machine, list[Any], Any], Action | None]]] = {
    "cond": _Machine._cond,
    "switch": _Machine._switch,
    "goto": _Machine._goto,
    "label": lambda machine, at, given: None,
    "set": _Machine._set,
    "unset": _Machine._unset,
    "return": _Machine._return,
    "execute": _Machine._execute,
    "transfer": _Machine._transfer,
}
