"""`callwright.js` against a platform inside the page: messages of docs/contract.md#device-socket."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sample(6)


def test_a_dialled_call_tells_trying_ringing_answered_in_order(module):
    heard = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob', { callerId: '+15559876' }));
          await until(() => heard.includes('answered'));
          await until(() => call.peerConnection.connectionState === 'connected');
          return heard.filter((word) => word !== 'track');
        }"""
    )
    assert heard == ["trying", "ringing", "answered"]
    create = module.evaluate("platform.of('call.create')[0]")
    assert create["destination"] == "/private/bob" and create["caller_id"] == "+15559876"
    assert create["sdp"].startswith("v=0") and create["req_id"]
    assert "a=rtcp-fb:111 nack\r\n" in create["sdp"], "lost sound may be asked for again"
    assert create["media"] == {"audio": True, "video": False, "receive_audio": True, "receive_video": False}
    assert module.evaluate(
        "platform.of('ice.candidate').concat(platform.of('ice.done')).every(m => m.call_id || m.req_id)"
    )
    assert module.evaluate("platform.of('ice.done').length") == 1


def test_a_refused_dial_rejects_with_the_platforms_code(module):
    caught = module.evaluate(
        """async () => {
          platform.refuse['call.create'] = 'address_not_allowed';
          try { await phone.call('+15550001'); } catch (error) {
            return [error instanceof CallError, error.code, phone.activeCalls.length];
          }
        }"""
    )
    assert caught == [True, "address_not_allowed", 0]


def test_the_destination_channel_gives_video_unless_options_say_otherwise(module):
    media = module.evaluate(
        """async () => {
          await phone.call('/private/bob?channel=video');
          await phone.call('/private/bob?channel=video', { video: false });
          await phone.call('/public/tone', { audio: false, receiveVideo: true });
          return platform.of('call.create')
            .map((message) => Object.values(message.media).map(Number).join(''));
        }"""
    )
    assert media == ["1111", "1010", "0011"]


def test_an_incoming_call_is_not_listed_while_it_is_announced(module):
    found = module.evaluate(
        """async () => {
          const seen = [];
          phone.on('incoming', (call) => seen.push([phone.activeCalls.length, call.id, call.from,
            call.fromName, call.to]));
          const incoming = { type: 'call.incoming', call_id: 'c1', from: '+15551', from_name: 'Bob',
            to: '/private/alice',
            media: { audio: true, video: false, receive_audio: true, receive_video: false } };
          platform.tell(incoming);
          platform.tell({ ...incoming, call_id: 'c2' });
          await until(() => seen.length === 2);
          return [seen, phone.activeCalls.map(({ id, from, to, state, direction }) => ({ id, from, to,
            state, direction }))];
        }"""
    )
    seen, listed = found
    assert seen == [
        [0, "c1", "+15551", "Bob", "/private/alice"],
        [1, "c2", "+15551", "Bob", "/private/alice"],
    ]
    assert listed[0] == {
        "id": "c1", "from": "+15551", "to": "/private/alice", "state": "ringing", "direction": "inbound",
    }  # fmt: skip


def test_an_answer_carries_an_offer_and_a_rejection_its_reason(module):
    module.evaluate(
        """async () => {
          const calls = [];
          phone.on('incoming', (call) => calls.push(listen(call)));
          for (const id of ['c1', 'c2']) platform.tell({ type: 'call.incoming', call_id: id, from: 'x',
            to: 'y' });
          await until(() => calls.length === 2);
          calls[0].answer();
          calls[1].reject('busy');
          await until(() => heard.includes('answered') && heard.includes('ended rejected normal'));
        }"""
    )
    answer = module.evaluate("platform.of('call.answer')[0]")
    assert answer["call_id"] == "c1" and answer["sdp"].startswith("v=0")
    assert module.evaluate("platform.of('call.reject')[0].reason") == "busy"


def test_hold_mute_and_digits_follow_the_platform(module):
    result = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          await until(() => call.state === 'active' && call.peerConnection.connectionState === 'connected');
          call.hold(); await until(() => call.state === 'held');
          call.resume(); await until(() => call.state === 'active');
          call.mute();
          const muted = [call.isMuted, call.localStream.getAudioTracks()[0].enabled];
          call.unmute();
          const open = [call.isMuted, call.localStream.getAudioTracks()[0].enabled];
          const sender = call.peerConnection.getSenders().find((s) => s.track && s.track.kind === 'audio');
          sender.dtmf.insertDTMF('1234#');
          const sending = sender.dtmf.toneBuffer;
          platform.tell({ type: 'call.dtmf', call_id: call.id, digit: '5' });
          await until(() => heard.includes('dtmf 5 remote'));
          platform.tell({ type: 'call.muted', call_id: call.id, channels: ['audio'], by: 'remote' });
          await until(() => heard.includes('muted remote'));
          return [muted, open, sending, platform.of('call.mute')[0].channels, call.isMuted];
        }"""
    )
    assert result == [[True, False], [False, True], "1234#", ["audio"], False]


def test_an_attended_transfer_gives_a_consultation_that_hangs_up_to_cancel(module):
    messages = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          await until(() => call.state === 'active');
          const consultCall = await call.attendedTransfer('105');
          await until(() => consultCall.state === 'active' && call.state === 'held');
          call.completeTransfer();
          consultCall.hangup();
          call.transfer('106');
          await until(() => heard.includes('transferring'));
          platform.tell({ type: 'call.transfer.failed', call_id: call.id, reason: 'busy' });
          platform.tell({ type: 'call.transferred', call_id: call.id });
          platform.tell({ type: 'call.ended', call_id: call.id, reason: 'transferred', cause: 'normal' });
          await until(() => heard.includes('ended transferred normal'));
          const consult = platform.of('call.consult')[0];
          return [consult.call_id === call.id, consult.destination,
            platform.of('call.transfer.complete')[0].call_id === call.id,
                  platform.of('call.hangup')[0].call_id === consultCall.id,
                    heard.includes('transferFailed busy')];
        }"""
    )
    assert messages == [True, "105", True, True, True]


def test_a_call_that_moves_into_another_answers_to_both_ids(module):
    assert module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          const old = call.id;
          platform.tell({ type: 'call.transferred', call_id: old, new_call_id: 'first' });
          await until(() => call.id === 'first');
          platform.tell({ type: 'call.held', call_id: old, held_by: 'remote' });
          await until(() => call.state === 'held');
          return phone.getCall(old) === call && phone.getCall('first') === call
            && phone.activeCalls.length === 1;
        }"""
    )


def test_a_lost_socket_comes_back_as_the_same_device_and_carries_on(module):
    result = module.evaluate(
        """async () => {
          const kept = listen(await phone.call('/private/bob'));
          const gone = listen(await phone.call('/private/carol'));
          await until(() => kept.state === 'active' && gone.state === 'active');
          const rung = [];
          phone.on('incoming', (call) => rung.push(call.from));
          platform.listed = [{ id: kept.id, from: 'a', to: 'b', state: 'held', direction: 'outbound' },
                             { id: 'new', from: '/private/dan', to: 'me', state: 'ringing',
                               direction: 'inbound' }];
          platform.drop();
          await until(() => platform.of('calls.list').length === 1 && rung.length === 1);
          await until(() => heard.includes('ended failed device_lost'));
          return [platform.of('auth').at(-1).device_id, kept.state, gone.state, rung];
        }"""
    )
    assert result == ["device-1", "held", "ended", ["/private/dan"]]


def test_media_that_moved_is_offered_from_a_new_connection(module):
    result = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob', { video: true }));
          await until(() => call.peerConnection.connectionState === 'connected');
          const before = call.peerConnection;
          delete platform.peers[call.id];
          platform.tell({ type: 'call.update', call_id: call.id, reason: 'media_moved' });
          await until(() => call.peerConnection !== before
            && call.peerConnection.connectionState === 'connected');
          platform.tell({ type: 'call.update', call_id: call.id, reason: 'new_tracks' });
          await until(() => platform.of('call.update').length === 2);
          const pictures = platform.of('call.update')
            .map((message) => message.sdp.split('m=video').length - 1);
          return [before.connectionState, pictures, call.remoteStream.getTracks().length >= 2];
        }"""
    )
    assert result == ["closed", [1, 2], True]


def test_a_refused_token_closes_for_good_unless_a_function_gives_another(module):
    result = module.evaluate(
        """async () => {
          let asked = 0;
          const fresh = new Phone({ token: () => (asked++ ? 'good' : 'stale') });
          await fresh.connect();
          platform.tell({ type: 'token.expiring' });
          await until(() => asked === 3);
          const stale = new Phone({ token: 'stale' });
          let closed = null;
          stale.on('closed', (code, reason, again) => (closed = [code, again]));
          const refused = await stale.connect().catch((error) => error.code);
          return [fresh.ready, closed, refused];
        }"""
    )
    assert result == [True, [4401, False], "4401"]


def test_leaving_the_page_hangs_up_what_is_talking(module):
    sent = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          await until(() => call.state === 'active');
          dispatchEvent(new PageTransitionEvent('pagehide'));
          await until(() => heard.some((word) => word.startsWith('ended')));
          return [platform.of('call.hangup').length,
            call.localStream.getTracks().every((t) => t.readyState === 'ended')];
        }"""
    )
    assert sent == [1, True]


def test_a_transfer_tells_who_is_at_the_other_end(module):
    told = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          await until(() => call.state === 'active');
          const seen = new Promise((done) => call.on('parties', done));
          platform.tell({ type: 'call.parties', call_id: call.id, from: '/private/alice', from_name: 'Alice',
            to: '/private/carol', to_name: 'Carol' });
          return [await seen, call.to, call.toName, call.from, call.fromName];
        }"""
    )
    words = {"from": "/private/alice", "fromName": "Alice", "to": "/private/carol", "toName": "Carol"}
    assert told == [words, "/private/carol", "Carol", "/private/alice", "Alice"]


def test_a_call_knows_its_times_and_its_end(module):
    told = module.evaluate(
        """async () => {
          const call = listen(await phone.call('/private/bob'));
          const early = [call.startedAt instanceof Date, call.answeredAt, call.endedAt, call.duration,
            call.endReason];
          await until(() => call.state === 'active');
          await new Promise((done) => setTimeout(done, 120));
          const talking = call.duration;
          platform.tell({ type: 'call.ended', call_id: call.id, reason: 'hangup', cause: 'normal' });
          await until(() => call.state === 'ended');
          const length = call.duration;
          await new Promise((done) => setTimeout(done, 60));
          return [early, talking > 0, length >= talking, call.duration === length,
            call.startedAt <= call.answeredAt && call.answeredAt < call.endedAt,
            call.endReason, call.endCause];
        }"""
    )
    assert told == [[True, None, None, 0, None], True, True, True, True, "hangup", "normal"]


def test_nothing_is_said_of_a_call_after_its_end(module):
    """Candidates still found, and refusals of what was on its way, are no errors of anybody's."""
    told = module.evaluate(
        """async () => {
          const faults = [];
          phone.on('error', (error) => faults.push(error.code ?? String(error)));
          platform.answering = 'none';
          const call = listen(await phone.call('/private/bob'));
          call.on('error', (error) => faults.push(error.code ?? String(error)));
          const late = call.peerConnection.onicecandidate;
          platform.tell({ type: 'call.ended', call_id: call.id, reason: 'rejected', cause: 'normal' });
          await until(() => call.state === 'ended');
          const before = platform.received.length;
          late({ candidate: { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0',
            sdpMLineIndex: 0 } });
          late({ candidate: null });
          call.hangup();
          platform.tell({ type: 'error', call_id: call.id, code: 'not_allowed', message: 'It has ended.' });
          await new Promise((done) => setTimeout(done, 60));
          return [platform.received.length - before, faults];
        }"""
    )
    assert told == [0, []]


def test_a_page_out_of_the_browsers_cache_is_a_device_again(module):
    told = module.evaluate(
        """async () => {
          dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
          await until(() => !phone.ready);
          const open = platform.sockets.length;
          dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
          await until(() => phone.ready);
          return platform.sockets.length - open;
        }"""
    )
    assert told == 1
