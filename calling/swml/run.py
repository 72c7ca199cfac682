"""Runs a script: takes Actions from the interpreter and has them done, one after the other.

What touches a call goes through a `Host` (the media worker's `calling.media.swml_host.host`);
waiting, HTTP requests and further documents are done here. After every step the host may keep the run's
progress, from which `resume` carries on in another worker. A run ends with an error text, a hangup reason,
or neither.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from calling.outbound_http.client import Client, FetchFailed, client
from calling.outbound_http.url_text import UnsafeUrl
from calling.swml import actions, load
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import Document
from calling.swml.state import Run

FOREVER: Final = 86_400.0
MAX_REQUESTS: Final = 500
"""HTTP exchanges of one run, further documents included."""


class Host(Protocol):
    """The call a script talks to. None of its methods raises for what the call or the network does."""

    async def perform(self, action: actions.Action) -> Mapping[str, Any]:
        """Do an action of the call's, all but `connect`; the outcome that it asks for."""

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Mapping[str, Any]:
        """Dial one group of a `connect` and wait until the bridge ends."""

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Write down where the script is."""


@dataclass(frozen=True)
class End:
    """How a run ended: an error, a hangup with a reason, or (both empty) its last step."""

    error: str = ""
    hangup: str = ""


class Runner:
    """One script run. `run` returns how it ended; cancel its task to stop it at once."""

    def __init__(self, run: Run, host: Host, *, signing_key: str = "", http: Client | None = None) -> None:
        self.state, self._host = run, host
        self._signing_key, self._http = signing_key, http
        self._requests = 0
        self._outcome: dict[str, Any] = {}

    @classmethod
    def begin(
        cls,
        document: Document,
        host: Host,
        *,
        call: Mapping[str, Any],
        envs: Mapping[str, Any] | None = None,
        signing_key: str = "",
        http: Client | None = None,
    ) -> Runner:
        return cls(start(document, call=call, envs=envs), host, signing_key=signing_key, http=http)

    @classmethod
    def resume(
        cls, progress: Mapping[str, Any], host: Host, *, signing_key: str = "", http: Client | None = None
    ) -> Runner:
        """From what `keep` was given. The action that was under way is done again: a file plays from its
        start, a request may arrive twice; a `connect` finds whom it had joined (see the host)."""
        made = cls(Run.from_json(progress["before"]), host, signing_key=signing_key, http=http)
        made._outcome = dict(progress.get("outcome") or {})
        return made

    async def run(self) -> End:
        outcome: Mapping[str, Any] = self._outcome
        while True:
            before = json.loads(json.dumps({"before": self.state.as_json(), "outcome": dict(outcome)}))
            self.state, action = advance(self.state, outcome)
            match action:
                case actions.Done(error=error):
                    return End(error=error)
                case actions.Hangup(reason=reason):
                    return End(hangup=reason)
            await self._host.keep(before)
            outcome = await self._do(action)

    async def _do(self, action: actions.Action) -> Mapping[str, Any]:
        match action:
            case actions.Connect():
                return await self._connect(action)
            case actions.Sleep(seconds=seconds):
                await asyncio.sleep(FOREVER if seconds is None else seconds)
                return {}
            case actions.Request():
                return await self._request(action)
            case actions.Fetch():
                return await self._fetch(action)
            case actions.Play(auto_answer=True):
                await self._host.perform(actions.Answer(action.path))
        return await self._host.perform(action)

    async def _connect(self, action: actions.Connect) -> Mapping[str, Any]:
        """Group after group until one answers; the bridge's end is the action's end."""
        outcome: Mapping[str, Any] = {"result": "failed", "reason": "nobody to connect"}
        for group in action.groups:
            outcome = await self._host.connect(group, action)
            if outcome.get("result") == "connected":
                break
        return outcome

    def _spend(self) -> None:
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            raise FetchFailed("protocol", f"a script may make {MAX_REQUESTS} requests")

    async def _request(self, action: actions.Request) -> Mapping[str, Any]:
        try:
            self._spend()
            answer = await (self._http or client()).fetch(
                action.url,
                method=action.method,
                headers=action.headers,
                content=action.body.encode("utf-8", "replace"),
                purpose="script",
                total_timeout=min(max(action.timeout, 0.1), 60.0),
                redirects=0 if action.from_caller else None,
                connect_timeout=action.connect_timeout or None,
            )
        except (FetchFailed, UnsafeUrl) as problem:
            return {"error": str(problem)}
        body = answer.body.decode("utf-8", "replace").replace("\x00", "")
        return {"status": answer.status, "headers": dict(answer.headers), "body": body}

    async def _fetch(self, action: actions.Fetch) -> Mapping[str, Any]:
        state = self.state
        body = {"call": state.call, "vars": state.vars, "envs": state.envs, "params": dict(action.params)}
        try:
            self._spend()
            redirects = 0 if action.from_caller else None
            document = await load.fetched(
                action.url, body, signing_key=self._signing_key, http=self._http, redirects=redirects
            )
        except (BadScript, FetchFailed) as problem:
            return {"error": str(problem)}
        return {"document": document.as_json()}
