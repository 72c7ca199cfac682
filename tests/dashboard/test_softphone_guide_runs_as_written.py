"""The softphone guide's snippets, word for word, on the module: each block is run as one script."""

from __future__ import annotations

import pytest

# name → (what must stand before it, the snippet, what it must have sent or said)
SNIPPETS = {
    "outbound": (
        "",
        """
// Dial a phone number (E.164 format)
const call = await phone.call('+14155551234');
// Or dial an extension
const call2 = await phone.call('105');
// Optional: specify caller ID
const call3 = await phone.call('+14155551234', {
callerId: '+14155559876',
});
""",
        (
            "platform.of('call.create').length === 3"
            " && platform.of('call.create')[2].caller_id === '+14155559876'"
        ),
    ),
    "inbound, answered": (
        "setTimeout(() => ring('c1'), 50);",
        """
phone.on('incoming', (call) => {
// call.id — call identifier
// call.from — caller's number (E.164)
// call.fromName — caller's display name (if available)
// call.to — called number or extension
// Answer
call.answer();
});
""",
        "platform.of('call.answer')[0]?.call_id === 'c1'",
    ),
    "inbound, declined silently and as busy": (
        "setTimeout(() => { ring('c1'); ring('c2'); }, 50);",
        """
phone.on('incoming', (call) => {
if (call.id === 'c1') call.reject(); // silent decline
else call.reject('busy'); // send busy signal
});
""",
        "platform.of('call.reject').map((m) => m.reason).join() === 'rejected,busy'",
    ),
    "ended reasons": (
        "const call = await phone.call('/private/bob'); setTimeout(() => call.hangup(), 100);",
        """
call.on('ended', (reason) => {
switch (reason) {
case 'hangup':
// Normal hangup by either party
console.log('hangup');
break;
case 'busy':
break;
}
});
""",
        "said.includes('hangup')",
    ),
    "hold and resume": (
        """const call = await phone.call('/private/bob');
        setTimeout(() => platform.tell({ type: 'call.held', call_id: call.id, held_by: 'remote' }), 200);
        setTimeout(() => platform.tell({ type: 'call.resumed', call_id: call.id }), 300);""",
        """
// Place the call on hold (remote party hears hold music)
call.hold();
// Resume the call
call.resume();
// Listen for hold events (local or remote hold)
call.on('held', (heldBy) => {
if (heldBy === 'remote') {
console.log('The other party put you on hold');
}
});
call.on('resumed', () => {
console.log('Call resumed');
});
""",
        (
            "said.includes('The other party put you on hold') && said.includes('Call resumed')"
            " && platform.of('call.hold').length === 1 && platform.of('call.resume').length === 1"
        ),
    ),
    "mute": (
        "const call = await phone.call('/private/bob');",
        """
// Client-side mute (stops sending audio from the microphone)
call.mute();
call.unmute();
// Check mute state
console.log(call.isMuted); // true or false
""",
        "said.includes('false') && platform.of('call.mute').length === 1",
    ),
    "digits": (
        """const call = await phone.call('/private/bob');
        await until(() => call.peerConnection.connectionState === 'connected');""",
        """
const sender = call.peerConnection.getSenders().find((s) => s.track && s.track.kind === 'audio');
sender.dtmf.insertDTMF('1234#');
console.log(sender.dtmf.toneBuffer);
""",
        "said.includes('1234#')",
    ),
    "blind transfer": (
        """const call = await phone.call('/private/bob');
        setTimeout(() => platform.tell({ type: 'call.ended', call_id: call.id, reason: 'transferred',
                                         cause: 'normal' }), 200);""",
        """
// Transfer to an extension
call.transfer('105');
// The call ends for you after the transfer
call.on('ended', (reason) => {
console.log(reason); // 'transferred'
});
""",
        "said.includes('transferred') && platform.of('call.transfer')[0].destination === '105'",
    ),
    "attended transfer": (
        "const call = await phone.call('/private/bob');",
        """
// Step 1: Consult — your current call is held, a new call is placed
const consultCall = await call.attendedTransfer('105');
consultCall.on('answered', () => {
console.log('Consulting with transfer target...');
// Step 2: Complete — connect the original caller to the target
call.completeTransfer();
// Or cancel — hang up the consultation call, original call resumes
// consultCall.hangup();
});
""",
        (
            "said.includes('Consulting with transfer target...')"
            " && platform.of('call.transfer.complete')[0]?.call_id === 'call-1'"
        ),
    ),
    "call waiting": (
        """const showCallWaitingUI = () => console.log('waiting');
        const showIncomingCallUI = () => console.log('first');
        setTimeout(() => { ring('c1'); ring('c2'); }, 50);""",
        """
phone.on('incoming', (call) => {
if (phone.activeCalls.length > 0) {
// Already on a call — this is call waiting
showCallWaitingUI(call);
} else {
showIncomingCallUI(call);
}
});
""",
        "said.join() === 'first,waiting'",
    ),
    "swapping": (
        """let waitingCall; phone.on('incoming', (call) => (waitingCall = call));
        const currentCall = await phone.call('/private/bob'); ring('c1'); await until(() => waitingCall);""",
        """
// Hold current call and answer the waiting call
currentCall.hold();
waitingCall.answer();
await until(() => waitingCall.state === 'active');
// Later, swap back
waitingCall.hold();
currentCall.resume();
""",
        "platform.of('call.hold').length === 2 && platform.of('call.resume')[0]?.call_id === 'call-1'",
    ),
    "active calls": (
        "await phone.call('/private/bob'); const callId = 'call-1';",
        """
// List all active calls
const calls = phone.activeCalls;
// [{ id, from, to, state: 'active' | 'held' | 'ringing', direction }]
// Find a specific call
const call = phone.getCall(callId);
console.log(calls.length, calls[0] === call, ['active', 'held', 'ringing'].includes(call.state),
  call.direction);
""",
        "said.includes('1 true true outbound')",
    ),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs(module, name):
    before, snippet, proof = SNIPPETS[name]
    module.evaluate(
        """() => {
          window.said = [];
          const log = console.log;
          console.log = (...words) => (said.push(words.join(' ')), log(...words));
          window.ring = (id) => platform.tell({ type: 'call.incoming', call_id: id, from: '+14155550000',
            to: '105' });
        }"""
    )
    module.evaluate(f"async () => {{ {before}\n{snippet}\n await until(() => {proof}); }}")
