"""Names that this project no longer uses, and what says the same today.

A thing has one name, so that a search finds it: the names below are not to come back. Most are looked for in
syntax trees, by qualified name; the few of WORDS in every text. `python -m tests.config.old_names`, part of
`make lint`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Folders and modules, as paths from the root, without `.py`.
FOLDERS = ("calling/signalling", "calling/scripts", "calling/api/calling", "subscribers/http")
MODULES = """
calling/answers calling/api/bot_hangup calling/api/log calling/api/operation_views calling/api/verb_views
calling/billing calling/candidates calling/control calling/dashboard/bars calling/dashboard/finding
calling/dashboard/following calling/dashboard/listing calling/dashboard/pages/entrance
calling/dashboard/pages/webhook_acts calling/dashboard/policy calling/dialling calling/eventlog
calling/fields calling/joining calling/machine/moving calling/measures calling/media/admission
calling/media/carried calling/media/codecs/blend calling/media/codecs/bridge calling/media/codecs/gallery
calling/media/codecs/jitter calling/media/codecs/loudspeaker calling/media/codecs/mixer
calling/media/codecs/picture calling/media/codecs/sources calling/media/codecs/speech
calling/media/codecs/talkers calling/media/codecs/tones calling/media/config calling/media/desk
calling/media/espeak calling/media/files/writers calling/media/journal calling/media/lease
calling/media/negotiation calling/media/operation_sound calling/media/operations calling/media/peer
calling/media/plain calling/media/ports calling/media/program_background calling/media/program_facts
calling/media/program_host calling/media/program_parties calling/media/program_seat calling/media/programs
calling/media/pulse calling/media/recording calling/media/recording_job calling/media/recording_rows
calling/media/recording_store calling/media/reports calling/media/rooms calling/media/rows
calling/media/rtp/digits calling/media/rtp/inlet calling/media/rtp/outlet calling/media/rtp/pictures
calling/media/rtp/port calling/media/rtp/reports calling/media/rtp/wheel calling/media/rtp/wire
calling/media/sdp_gate calling/media/sdp_model calling/media/session calling/media/sight
calling/media/signals calling/media/sounding calling/media/speech calling/media/stats calling/media/steps
calling/media/stream calling/media/stream_job calling/media/transport calling/media/trunk_rows
calling/media/trunks calling/media/worker calling/meetings calling/moderation calling/nudge
calling/number_risk calling/numbers calling/operating calling/operation_fields calling/outbox
calling/payloads calling/phone_policy calling/placement calling/placing calling/publish calling/sdp_media
calling/sip/agent calling/sip/call calling/sip/client_call calling/sip/client_transaction
calling/sip/compose calling/sip/dialog calling/sip/digest calling/sip/edge calling/sip/edge_in
calling/sip/edge_line calling/sip/edge_out calling/sip/edge_routes calling/sip/edge_rows
calling/sip/edge_trunks calling/sip/edge_words calling/sip/exchange calling/sip/framing calling/sip/gate
calling/sip/lockout calling/sip/normalise calling/sip/notices calling/sip/offers calling/sip/reception
calling/sip/registrar calling/sip/registration calling/sip/resolve calling/sip/roster
calling/sip/server_call calling/sip/server_transaction calling/sip/session_timer calling/sip/tls
calling/sip/transaction calling/sip/transport calling/sip/values calling/snapshots calling/store
calling/suspension calling/takeover calling/tolls calling/tracing calling/verbs calling/webhooks/again
calling/webhooks/claims calling/webhooks/client calling/webhooks/deliver calling/webhooks/guard
calling/webhooks/inflate calling/webhooks/matching calling/webhooks/status_callback calling/webhooks/wire
config/addresses config/bounds config/consumer config/doctor/examination config/documented_refusals
config/embedded/ground config/embedded/places config/heads config/reference config/reporting config/secret
config/supervisor/launch config/supervisor/parent config/supervisor/screen config/supervisor/watch
subscribers/enrolment subscribers/models/answer subscribers/sealing subscribers/uniqueness
tests/dashboard/furniture tests/dashboard/life tests/dashboard/world tests/machine/laws
tests/machine/outline tests/machine/walking tests/machine/worlds tests/webhooks/hurried tokens/binding
tokens/limits tokens/throttle
"""

# Words that stand in no text any more, not even as a part of another word.
WORDS = {"inlet": "receiver", "outlet": "sender, or listener where only its Protocol is meant"}
TEXTS = (".py", ".c", ".h", ".js", ".html", ".css", ".md", ".sh")
NAMING = ("old_names", "test_old_names_stay_away")
PLACES = ("bench", "calling", "clock", "config", "docs", "rest", "subscribers", "tests", "tokens")

# By module: each old name with the new one. A member stands after its class, as that is called today.
NAMES: dict[str, dict[str, str]] = {
    "calling.calls.room_sessions": {
        "note": "apply_turn",
        "tune": "set_member",
        "pictured": "video_legs",
        "refusal": "admission_refusal",
        "Seat": "RoomPlace",
        "Change.settle": "update_empty",
        "Change.hand_over": "reassign_operations",
    },
    "calling.calls.queries": {"one_moment": "repeatable_read"},
    "calling.commands.call_commands": {
        "which_leg": "select_leg",
        "owns": "is_own",
        "touches": "rings_or_carries",
    },
    "calling.commands.dial": {
        "join": "join_calls",
        "consulting_leg": "consultation_leg",
        "program_run": "attached_script_run",
    },
    "calling.commands.operations": {"wish": "control_operation"},
    "calling.commands.params": {
        "Form": "Params",
        "Invalid": "InvalidParams",
        "Params.wrong": "fail",
        "Params.flag": "boolean",
        "Params.has": "given",
    },
    "calling.commands.routing": {
        "find": "resolve",
        "facing": "Media.counterpart",
        "counterpart_media": "Media.counterpart",
        "attempts_for": "ring_attempts",
    },
    "calling.commands.suspension": {"watched": "count_refusals", "counted": "note_refusal", "lift": "resume"},
    "calling.commands.transfers": {"dressed": "with_headers", "Joining": "ConnectTarget"},
    "calling.dashboard.call_search": {"Wanted": "CallQuery"},
    "calling.dashboard.live_updates": {"FollowingConsumer": "LiveUpdatesConsumer"},
    "calling.machine.ending": {"closed_attempts": "close_attempts"},
    "calling.machine.failover": {"settled": "media_described", "lose_leg": "fail_moved_leg"},
    "calling.machine.inputs": {
        "ProgramEnded": "ScriptRunEnded",
        "Carried": "SessionTaken",
        "DeviceSpec": "DeviceRef",
    },
    "calling.machine.plan": {
        "ProgramPlan": "ScriptRunPlan",
        "program_plans": "script_run_plans",
        "Plan.programs": "script_runs",
    },
    "calling.machine.signals": {"program_ended": "script_run_ended", "carried": "session_taken"},
    "calling.machine.transfer": {"give": "move_leg"},
    "calling.media.codecs.transcoder": {"Bridge": "Transcoder"},
    "calling.media.files.player": {"_Track.request_key": "request_keyframe"},
    "calling.media.mixing.active_speakers": {"Talkers": "ActiveSpeakers"},
    "calling.media.mixing.decoded_source": {"Loudspeaker": "DecodedSource"},
    "calling.media.mixing.mixer": {"Member": "MixerMember", "MixerMember.request_key": "request_keyframe"},
    "calling.media.mixing.overlay": {"Blend": "OverlayMix"},
    "calling.media.mixing.video_layout": {
        "Gallery": "VideoLayout",
        "windows": "slots",
        "arrange": "assign_slots",
    },
    "calling.media.operations.media_stream_job": {"StreamJob": "MediaStreamJob"},
    "calling.media.operations.operation": {
        "Running": "RunningOperation",
        "MAKERS": "OPERATIONS",
        "Unable": "UnsupportedOperation",
        "Failed": "OperationFailed",
        "RunningOperation.wish": "control",
    },
    "calling.media.operations.playback": {"Sounding": "Playback", "CannotPlay": "PlaybackFailed"},
    "calling.media.operations.recording_job": {"Job": "RecordingJob"},
    "calling.media.recording.recorder": {"Ear": "TrackReader", "MixEar": "RoomReader"},
    "calling.media.rtp.events": {"Failed": "PeerFailed", "CannotSee": "UndecodableVideo"},
    "calling.media.rtp.media_port": {
        "Port": "MediaPort",
        "MediaPort.hears": "set_audio_source",
        "MediaPort.sees": "set_video_source",
        "MediaPort.beat": "on_second",
    },
    "calling.media.rtp.receive_stream": {
        "Stream": "RtpReceiveStream",
        "RtpReceiveStream.due": "missing.due",
        "RtpReceiveStream.asked": "missing",
    },
    "calling.media.rtp.receiver": {
        "Inlet": "RtpReceiver",
        "RtpReceiver.ask_again": "send_nack",
        "RtpReceiver.request_key": "request_keyframe",
        "RtpReceiver.beat": "on_second",
    },
    "calling.media.rtp.rtcp_reports": {"take": "handle_rtcp", "send": "send_reports", "Sums": "AudioTotals"},
    "calling.media.rtp.sender": {
        "Outlet": "RtpSender",
        "RtpSender.listen": "attach_source",
        "RtpSender.feeder": "active_source",
        "RtpSender._take": "_switch_source",
        "RtpSender._foreign": "_transcode",
        "RtpSender._map": "_build_maps",
        "RtpSender._young": "rewriter.guard",
        "RtpSender._floor": "rewriter.first",
        "RtpSender.key_wanted": "on_pli",
        "RtpSender.beat": "on_second",
    },
    "calling.media.rtp.timer_wheel": {
        "Wheel": "TimerWheel",
        "Rider": "Tick",
        "Sprinter": "FastTick",
        "Tick.beat": "on_second",
        "FastTick.sprint": "on_fast_tick",
        "TimerWheel.sprint": "add_fast_tick",
    },
    "calling.media.rtp.transport": {
        "Wire": "RtpTransport",
        "RtpTransport.trip": "rtt",
        "RtpTransport.ask_again": "send_nack",
        "RtpTransport.request_key": "request_keyframe",
        "RtpTransport.repairs": "rtx_map",
        "RtpTransport._repair": "_recover_rtx",
        "RtpTransport.sprint": "on_fast_tick",
    },
    "calling.media.rtp.vp8_rewriter": {"PictureNumbers": "Vp8Rewriter"},
    "calling.media.session.plan_diff": {
        "StartProgram": "StartScriptRun",
        "StopProgram": "StopScriptRun",
        "StartScriptRun.program": "script_run",
    },
    "calling.media.session.room_pipe_rows": {"Elsewhere": "PeerWorker"},
    "calling.media.session.room_pipes": {"Trunk": "RoomPipe", "Trunks": "RoomPipes"},
    "calling.media.session.rooms": {
        "RoomSound": "RoomMixer",
        "Seat": "MemberPort",
        "Guest": "RoomMember",
        "MemberPort.hears": "set_audio_source",
        "Rooms.place": "move",
        "Rooms.tune": "apply_member_settings",
    },
    "calling.media.session.rows": {
        "Wanted": "OperationRow",
        "Look": "SessionSnapshot",
        "OperationRow.wish": "control",
        "OperationRow.wish_serial": "control_serial",
    },
    "calling.media.session.session_peer": {
        "CarriedPeer": "SessionPeer",
        "Surroundings": "PeerContext",
        "SessionContext": "PeerContext",
    },
    "calling.media.session.signal_queue": {"Lane": "SignalQueue"},
    "calling.media.session.video_fallback": {"Sight": "VideoFallback", "Party": "VideoParty"},
    "calling.media.sources.producers": {
        "Clip.request_key": "request_keyframe",
        "Player.request_key": "request_keyframe",
    },
    "calling.media.sources.test_pattern": {"TestPicture.request_key": "request_keyframe"},
    "calling.media.swml_host.background": {"Background": "BackgroundActions"},
    "calling.media.swml_host.connect": {
        "Parties": "ConnectActions",
        "ConnectActions.confirmed": "confirm_answer",
    },
    "calling.media.swml_host.host": {
        "ProgramHost": "ScriptHost",
        "Guest": "ConfirmHost",
        "ScriptHost.confirmed": "confirm_answer",
        "ScriptHost._ask": "_confirm",
    },
    "calling.media.swml_host.party": {"Seat": "ScriptParty"},
    "calling.media.swml_host.script_runs": {"Program": "ScriptRunTask", "Programs": "ScriptRunTasks"},
    "calling.media.webrtc.peer": {"Peer": "WebRtcPeer"},
    "calling.media.webrtc.plain_rtp": {"PlainPeer": "PlainRtpPeer"},
    "calling.media.webrtc.plain_transport": {"PlainWire": "PlainTransport"},
    "calling.media.webrtc.webrtc_transport": {"Transport": "WebRtcTransport", "Path": "IcePath"},
    "calling.media.worker.loop_monitor": {"Pulse": "LoopMonitor"},
    "calling.media.worker.session": {"Carrier": "Worker", "Session.programs": "script_runs"},
    "calling.media_sessions.failover": {"_fence": "fence"},
    "calling.outbound_http.decompress": {"TooLarge": "DecompressedTooLarge"},
    "calling.outbound_http.url_guard": {
        "judge": "is_allowed_address",
        "vet": "vet_addresses",
        "is_own": "is_local",
    },
    "calling.presence": {"concerned": "affected_calls"},
    "calling.runtime.db_threads": {"Desk": "DatabaseThreads", "AWAY": "DATABASE_UNAVAILABLE"},
    "calling.runtime.token_bucket": {"Bucket": "TokenBucket"},
    "calling.sdp.negotiation": {"Line": "Transceiver"},
    "calling.sdp.peek": {"narrowed": "intersect"},
    "calling.signalwire.browser.consumer": {
        "FabricConsumer.obey": "handle",
        "FabricConsumer.come_in": "authenticate",
        "FabricConsumer.lose_patience": "auth_deadline",
        "FabricConsumer.hang_up": "close_socket",
    },
    "calling.signalwire.browser.moderation": {"obey": "handle"},
    "calling.signalwire.browser.rpc": {"BadFrame": "BadRpcMessage"},
    "calling.signalwire.browser.session": {"Line": "BrowserSession"},
    "calling.signalwire.browser.session_auth": {"Session": "BrowserIdentity", "come_in": "authenticate"},
    "calling.signalwire.browser.translate": {
        "Told": "ClientView",
        "tell": "messages_for",
        "fresh": "initial_view",
        "tell_talk": "talk_messages",
    },
    "calling.signalwire.calling_api.operations": {"wish": "control"},
    "calling.sip.edge.edge": {"Edge": "SipEdge"},
    "calling.sip.edge.inbound": {"IncomingLine": "InboundLeg"},
    "calling.sip.edge.mapping": {"View": "LegView", "wishes": "destinations_of", "dialled": "called_users"},
    "calling.sip.edge.outbound": {"OutgoingLine": "OutboundLeg"},
    "calling.sip.edge.registrations": {"Trunks": "GatewayRegistrations"},
    "calling.sip.edge.routes": {
        "Way": "Route",
        "ways": "routes_to",
        "in_order": "by_priority",
        "longest": "longest_prefix",
    },
    "calling.sip.edge.rows": {"Waiting": "OutboundAttempt", "TRUNK": "GATEWAY_PREFIX"},
    "calling.sip.edge.sip_leg": {
        "Line": "SipLeg",
        "insist": "retry_db",
        "rows": "db",
        "status_of_try": "status_after",
        "SipLeg.taken_over": "replace_session",
        "SipLeg.sent_on": "blind_transfer",
        "SipLeg.joined": "attended_transfer",
        "SipLeg.ask_again": "reinvite_after_move",
    },
    "calling.sip.stack.authentication": {"Gate": "Authenticator", "PlainPhones": "Md5OnlyPhones"},
    "calling.sip.stack.events": {"Notice": "SessionEvent", "Failed": "SessionFailed"},
    "calling.sip.stack.lockout": {"FloodGate": "SourceRateLimiter"},
    "calling.sip.stack.transaction": {"Failed": "TransactionFailed"},
    "calling.sip.stack.transaction_layer": {
        "Exchange": "TransactionLayer",
        "Heard": "OnResponse",
        "Broke": "OnFailure",
        "TransactionLayer.hear": "receive_response",
        "TransactionLayer.absorb": "match_request",
        "TransactionLayer.open": "server_transaction",
        "TransactionLayer.refuse": "respond_stateless",
        "_Entry.heard": "on_response",
        "_Entry.broke": "on_failure",
    },
    "calling.sip.stack.transport": {"Transport": "SipTransport"},
    "calling.sip.ua.client_session": {"ClientCall": "DialogClientSession"},
    "calling.sip.ua.dialog_table": {
        "Roster": "DialogTable",
        "DialogTable.know": "add",
        "DialogTable.unknow": "remove",
        "DialogTable.rings": "add_ringing",
        "DialogTable.await_ack": "expect_ack",
    },
    "calling.sip.ua.dispatcher": {"Reception": "RequestDispatcher"},
    "calling.sip.ua.server_session": {"ServerCall": "DialogServerSession"},
    "calling.sip.ua.session": {"Call": "DialogSession"},
    "calling.sip.ua.user_agent": {"Agent": "UserAgent"},
    "calling.sockets.call_updates": {"News": "CallUpdate", "Said": "CallEvent", "Found": "DeviceLeg"},
    "calling.sockets.events.consumer": {
        "EventsConsumer.lose_patience": "auth_deadline",
        "EventsConsumer.hang_up": "close_socket",
    },
    "calling.sockets.hub": {"Line": "DeviceSession"},
    "calling.sockets.not_found": {"UnknownPath": "NotFound"},
    "calling.sockets.participants": {
        "Company": "Participants",
        "Person": "Participant",
        "read_room": "read_participants",
    },
    "calling.sockets.phone.consumer": {
        "PhoneConsumer.obey": "handle",
        "PhoneConsumer.come_in": "authenticate",
        "PhoneConsumer.lose_patience": "auth_deadline",
        "PhoneConsumer.hang_up": "close_socket",
    },
    "calling.sockets.phone.moderation": {"obey": "handle"},
    "calling.sockets.phone.session": {"Line": "PhoneSession"},
    "calling.sockets.phone.translate": {
        "Told": "ClientView",
        "tell": "messages_for",
        "fresh": "initial_view",
        "lost_attempt": "lost_ring",
        "tell_talk": "talk_messages",
    },
    "calling.sockets.send_queue": {
        "Outbound": "SendQueue",
        "SendQueue.put": "push",
        "SendQueue.give_up": "overflow",
    },
    "calling.telephony.billing": {
        "follow": "apply_turn",
        "begin": "start_charges",
        "enter": "add_entry",
        "extend": "extend_reservation",
    },
    "calling.telephony.rates": {
        "best": "longest_match",
        "shown": "format_amount",
        "money": "parse_amount",
        "NoMoney": "BadAmount",
    },
    "calling.webhooks.delivery_queue": {"Claimed": "ClaimedDelivery"},
    "calling.webhooks.delivery_results": {"Tried": "DeliveryResult"},
    "calling.webhooks.redelivery": {"hasten": "retry_now"},
    "calling.webhooks.schedule": {"judge": "next_attempt", "given_up": "is_abandoned"},
    "rest.permissions": {"Asker": "Principal", "asker": "principal_of"},
    "subscribers.api.resources": {"Resource": "ResourceDetail"},
    "subscribers.api.shapes": {
        "Shape": "Resource",
        "Resource.inner": "body",
        "Resource.word": "type_name",
        "Resource.part": "body_key",
    },
    "subscribers.provisioning": {"enrol": "provision_subscriber"},
    "tests.webhooks.conftest": {"turn": "deliver_due", "travel": "advance_clock", "happen": "emit_event"},
    "tokens.allowed_addresses": {"bind": "parse_allowed_addresses"},
}


def defined(tree: ast.Module) -> Iterator[str]:
    """What a module defines, by qualified name: classes, functions, constants, members, names of imports."""
    for node in tree.body:
        yield from names_of(node)
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                yield from (f"{node.name}.{name}" for name in names_of(each))
            for each in ast.walk(node):
                if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and own(each.value):
                    yield f"{node.name}.{each.attr}"


def names_of(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            for target in targets:
                yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname for alias in aliases if alias.asname is not None)
        case ast.If(body=body, orelse=other):
            for each in (*body, *other):
                yield from names_of(each)


def own(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def path_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_name(path.name + ".py")


def found() -> list[str]:
    """A line for every old name that is in use."""
    lines = [
        f"{path}: this name was given up"
        for path in (*FOLDERS, *MODULES.split())
        if (ROOT / f"{path}.py").exists() or (path in FOLDERS and (ROOT / path / "__init__.py").exists())
    ]
    for module, names in NAMES.items():
        text = path_of(module).read_text(encoding="utf-8")
        lines += [
            f"{module}: {name} is called {names[name]} today"
            for name in sorted(set(defined(ast.parse(text))) & set(names))
        ]
    return lines + [
        f"{path.relative_to(ROOT)}: {word} is called {WORDS[word]} today"
        for place in PLACES
        for path in sorted((ROOT / place).rglob("*"))
        if path.suffix in TEXTS and path.stem not in NAMING and "node_modules" not in path.parts
        for word in words_in(path.read_text(encoding="utf-8"))
    ]


def words_in(text: str) -> list[str]:
    return [word for word in WORDS if word in text.lower()]


if __name__ == "__main__":
    problems = found()
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(bool(problems))
