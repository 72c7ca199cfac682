"""What a script's actions do to the call it talks to: the media worker's side of `calling.swml.run`.

Who carries which action out, whom a confirmation asks, and what is kept of a run. Every change of the call
goes through the door (`calling.commands.dial`, the session's signal queue); sound goes to the party's peer.
Outcomes are those `calling.swml.actions` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from calling import models
from calling.machine.plan import ScriptRunPlan
from calling.machine.states import Leg, LegState
from calling.media.session.context import SessionContext
from calling.media.sources import tones
from calling.media.swml_host.background import BackgroundActions
from calling.media.swml_host.connect import ConnectActions
from calling.media.swml_host.party import FAILED, Outcome, ScriptParty
from calling.media.swml_host.prompts import PromptActions
from calling.media.swml_host.relay import RelayActions
from calling.outbound_http.client import FetchFailed
from calling.outbound_http.url_text import UnsafeUrl
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import actions, load
from calling.swml.checks import BadScript
from calling.swml.parse import Document
from calling.swml.run import Runner

log = logging.getLogger(__name__)
CONFIRM_SECONDS: Final = 120.0


class ScriptHost:
    """One script run's hands: its party, and who does what with it. `call`: SWML's call object."""

    def __init__(
        self, plan: ScriptRunPlan, session: SessionContext, row: models.ScriptRun, call: Mapping[str, Any]
    ) -> None:
        self.party, self.call = ScriptParty(plan, session, row), call
        self.background = BackgroundActions(self.party)
        self.prompts = PromptActions(self.party, self.background.follow)
        self.relay = RelayActions(self.party, self.background.follow, self.prompts.forget_keys)
        self.connections = ConnectActions(self.party, self.prompts.sound, self.confirm_answer)
        self.guest: ConfirmHost | None = None

    async def perform(self, action: actions.Action) -> Outcome:
        work = PERFORMED.get(type(action))
        return await work(self)(action) if work is not None else FAILED

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Outcome:
        return await self.connections.connect(group, action)

    # --- asking who answered

    async def confirm_answer(
        self, target: Leg, device: actions.Device, ringing: asyncio.Task[Outcome] | None
    ) -> bool:
        """Let the target hear the `confirm` steps while the party hears ringing still. A hangup of theirs, an
        error, or no end within two minutes is a no."""
        if ringing is None:
            self.party.give(tones.ringback())
        plan = ScriptRunPlan(self.party.plan.run_id, self.party.plan.call_id, target.id)
        self.guest = guest = ConfirmHost(plan, self.party.session, self.party.row, self.call)
        guest.party.give(tones.silence())
        asking = asyncio.get_running_loop().create_task(self._confirm(guest, device))
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                asking.add_done_callback(lambda _: self.party.session.stir())
                while not asking.done() and self.party.state_of(target.id) is LegState.ANSWERED:
                    await self.party.session.change()
            return asking.done() and asking.result() and self.party.state_of(target.id) is LegState.ANSWERED
        except TimeoutError:
            return False
        finally:
            asking.cancel()
            guest.party.give(None)
            self.guest = None

    async def _confirm(self, guest: ConfirmHost, device: actions.Device) -> bool:
        row = self.party.row
        key, run = str(row.project.signing_key), row.progress.get("envs") or {}
        number = device.to if device.to.startswith("+") else ""
        call = {**self.call, "to": device.to, "to_number": number}
        try:
            if isinstance(device.confirm, list):
                document = Document({"main": device.confirm})
            else:
                body = {"call": call, "vars": {}, "envs": run, "params": {}}
                async with asyncio.timeout(device.confirm_timeout or CONFIRM_SECONDS):
                    redirects = 0 if device.confirm_from_caller else None
                    document = await load.fetched(
                        str(device.confirm), body, signing_key=key, redirects=redirects
                    )
            end = await Runner.begin(document, guest, call=call, envs=run, signing_key=key).run()
        except (BadScript, FetchFailed, UnsafeUrl, TimeoutError) as problem:
            log.info("A confirmation could not be asked for", extra={"why": str(problem)[:200]})
            return False
        return not (end.hangup or end.error)

    def digit_of(self, peer_id: str, digit: str) -> None:
        """A party pressed a key: the one that the script talks with, or the one that it asks."""
        for host in (self, self.guest):
            peer = host.party.peer() if host is not None else None
            if host is not None and peer is not None and peer.plan.peer_id == peer_id:
                host.prompts.digit(digit)

    # --- keeping

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Write down where the script is, so that another worker may go on."""
        run_id, caller = self.party.row.pk, self.party.row.progress.get("caller")
        kept = {"run": dict(progress), **({"caller": caller} if caller else {})}
        with contextlib.suppress(*DATABASE_UNAVAILABLE):
            await self.party.session.desk.run(
                lambda: models.ScriptRun.objects.filter(pk=run_id).update(progress=kept, state="running")
            )


class ConfirmHost(ScriptHost):
    """Who answered a `connect` and is asked first. The run that asks is kept, not this one."""

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Nothing to go on with in another worker."""


Work = Callable[[Any], Awaitable[Outcome]]
PERFORMED: Final[Mapping[type[actions.Action], Callable[[ScriptHost], Work]]] = {
    actions.Answer: lambda host: host.party.answer,
    actions.Play: lambda host: host.prompts.play,
    actions.Prompt: lambda host: host.prompts.prompt,
    actions.SendDigits: lambda host: host.prompts.send_digits,
    actions.Record: lambda host: host.prompts.record,
    actions.StartRecord: lambda host: host.background.start_record,
    actions.StopRecord: lambda host: host.background.stop_record,
    actions.StartStream: lambda host: host.background.start_stream,
    actions.StopStream: lambda host: host.background.stop_stream,
    actions.DetectMachine: lambda host: host.background.detect_machine,
    actions.StartTranscribe: lambda host: host.background.start_transcribe,
    actions.StopTranscribe: lambda host: host.background.stop_transcribe,
    actions.ConnectRelay: lambda host: host.relay.connect_relay,
    actions.StartDenoise: lambda host: host.background.start_denoise,
    actions.StopDenoise: lambda host: host.background.stop_denoise,
    actions.JoinRoom: lambda host: host.connections.join_room,
    actions.Transfer: lambda host: host.connections.transfer,
    actions.Refer: lambda host: host.connections.refer,
    actions.UserEvent: lambda host: host.party.user_event,
}
