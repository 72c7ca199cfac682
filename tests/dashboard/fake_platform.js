/* A platform inside the page: it replaces WebSocket and answers offers with a second RTCPeerConnection.
 * `window.platform` holds what arrived, and lets a test speak: platform.tell({...}), platform.drop(code). */
(() => {
  const platform = {
    received: [], sockets: [], peers: {}, calls: 0, answering: 'answer', refuse: {}, listed: [], expected: 'good',
    of: (type) => platform.received.filter((message) => message.type === type),
    tell: (message) => platform.sockets.at(-1).hear(message),
    drop: (code = 1006) => platform.sockets.at(-1).end(code),
    stay: false, // while true, new sockets never open
    lasts: undefined, // `expires_in` of each `auth.ok`, seconds
    refreshing: 'r0', // the refresh token that is good, once
    away: '', // what a refresh is refused with for now: 'socket' (1013) or a code
  };
  window.platform = platform;
  const later = (act) => setTimeout(act, 5);

  async function answer(id, sdp) {
    const known = platform.peers[id];
    const peer = known ?? new RTCPeerConnection();
    platform.peers[id] = peer;
    await peer.setRemoteDescription({ type: 'offer', sdp });
    if (!known) {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 440 });
      const out = context.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      for (const place of peer.getTransceivers()) {
        if (place.receiver.track.kind === 'audio') await place.sender.replaceTrack(out.stream.getAudioTracks()[0]);
        else {
          const canvas = document.createElement('canvas');
          const paint = canvas.getContext('2d');
          setInterval(() => { paint.fillStyle = `hsl(${Date.now() / 20 % 360} 60% 45%)`; paint.fillRect(0, 0, 300, 150); }, 60);
          await place.sender.replaceTrack(canvas.captureStream(15).getVideoTracks()[0]);
        }
        place.direction = 'sendrecv';
      }
    }
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((done) => {
      if (peer.iceGatheringState === 'complete') return done();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
    });
    return peer.localDescription.sdp;
  }

  class FakeSocket extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.readyState = 0;
      platform.sockets.push(this);
      if (!platform.stay) later(() => { this.readyState = 1; this.onopen?.(); });
    }
    hear(message) {
      if (this.readyState === 1) later(() => this.onmessage?.({ data: JSON.stringify(message) }));
    }
    end(code) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      later(() => this.onclose?.({ code, reason: '' }));
    }
    close(code) { this.end(code ?? 1000); }
    async send(text) {
      const message = JSON.parse(text);
      platform.received.push(message);
      const { type, req_id, call_id } = message;
      const refusal = platform.refuse[type];
      if (refusal) return this.hear({ type: 'error', req_id, call_id, code: refusal, message: `no: ${refusal}` });
      const spends = type === 'token.refresh' || (type === 'auth' && message.refresh_token);
      if (platform.away && spends) return platform.away === 'socket' ? this.end(1013)
        : this.hear({ type: 'error', req_id, code: platform.away, message: 'away' });
      if (type === 'auth' && (spends ? message.refresh_token !== platform.refreshing : message.token !== platform.expected)) return this.end(4401);
      if (type === 'token.refresh' && message.refresh_token !== platform.refreshing) {
        return this.hear({ type: 'error', req_id, code: 'token_invalid', message: 'used' });
      }
      if (type === 'auth' || type === 'token.refresh') {
        const pair = {};
        if (spends) {
          pair.token = platform.expected = `token after ${platform.refreshing}`;
          pair.refresh_token = platform.refreshing = `r${Number(platform.refreshing.slice(1)) + 1}`;
        }
        return this.hear({ type: 'auth.ok', req_id, device_id: message.device_id ?? 'device-1', ice_servers: [],
          expires_in: platform.lasts, ...pair,
          subscriber: { id: 's1', display_name: 'Alice Example', email: 'alice@example.com' },
          addresses: [{ id: 'a1', name: 'alice', channels: { audio: '/private/alice?channel=audio' } }] });
      }
      if (type === 'ping') return this.hear({ type: 'pong' });
      if (type === 'calls.list') return this.hear({ type: 'calls', req_id, calls: platform.listed });
      if (type === 'call.create' || type === 'call.consult') {
        const id = `call-${++platform.calls}`;
        this.hear({ type: 'call.trying', req_id, call_id: id });
        this.hear({ type: 'sdp.answer', call_id: id, sdp: await answer(id, message.sdp) });
        if (type === 'call.consult') this.hear({ type: 'call.held', call_id, held_by: 'local' });
        if (platform.answering !== 'none') this.hear({ type: 'call.ringing', call_id: id });
        if (platform.answering === 'answer') this.hear({ type: 'call.answered', call_id: id });
        return undefined;
      }
      if (type === 'call.share') {
        const id = `call-${++platform.calls}`;
        this.hear({ type: 'call.trying', req_id, call_id: id, share_of: call_id });
        this.hear({ type: 'sdp.answer', call_id: id, sdp: await answer(id, message.sdp) });
        return this.hear({ type: 'call.answered', call_id: id });
      }
      if (type === 'call.answer' || type === 'call.update') {
        this.hear({ type: 'sdp.answer', call_id, sdp: await answer(call_id, message.sdp) });
        if (type === 'call.answer') this.hear({ type: 'call.answered', call_id });
      }
      const echoes = { 'call.hold': { type: 'call.held', held_by: 'local' }, 'call.resume': { type: 'call.resumed' },
        'call.mute': { type: 'call.muted', channels: message.channels }, 'call.unmute': { type: 'call.unmuted', channels: message.channels },
        'call.transfer': { type: 'call.transferring' }, 'call.hangup': { type: 'call.ended', reason: 'hangup', cause: 'normal' },
        'call.reject': { type: 'call.ended', reason: 'rejected', cause: 'normal' } };
      if (echoes[type]) this.hear({ call_id, ...echoes[type] });
      return undefined;
    }
  }
  Object.assign(FakeSocket, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  window.WebSocket = FakeSocket;
})();
