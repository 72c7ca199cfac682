// @ts-check
/**
 * One call of a Phone: its peer connection, its streams, its verbs and what the platform says of it.
 *
 * Sound and pictures: `localStream` is what is sent, `remoteStream` what arrives. Verbs return at once; what came
 * of them is an event (`held`, `transferring`, …), a refusal is `error`. `answer` and `attendedTransfer` take
 * a microphone and so return promises.
 */

import { CallError, Emitter } from './emitter.js';

/** @typedef {import('../callwright.js').Phone} Phone */
/** @typedef {import('../callwright.js').MediaOptions} MediaOptions */
/** @typedef {import('../callwright.js').CallOptions} CallOptions */
/** @typedef {import('../callwright.js').CallState} CallState @typedef {import('../callwright.js').Flow} Flow */

/** A camera's qualities, the best first: that one alone is sent where the far end takes one. @type {RTCRtpEncodingParameters[]} */
const LAYERS = [{ rid: 'f' }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'q', scaleResolutionDownBy: 4 }];

/** An offer that says lost sound may be asked for again (RFC 4585): Chromium does so where both descriptions say it, and
 * its own never do. @param {string} sdp */
const withRepair = (sdp) =>
  sdp.replace(/^a=rtpmap:(\d+) opus\/.*\r\n/gim, (line, pt) =>
    sdp.includes(`a=rtcp-fb:${pt} nack\r\n`) ? line : `${line}a=rtcp-fb:${pt} nack\r\n`,
  );

/** Events: `trying ringing answered resumed transferring transferred`, `held` (heldBy, asked: from here, not by staff or a program),
 * `muted`/`unmuted` (channels, by, asked),
 * `dtmf` (digit, by), `caption` (text, by, final), `recording` (on), `transferFailed` (reason), `track` (track, stream), `media` (connection state), `error` (CallError),
 * `sharing` (on): a screen is shown to the others from here, `members` (members): who is in the room or conversation of three,
 * `parties` ({from, fromName, to, toName}: a transfer changed who is at the other end),
 * `ended` (reason, cause, {sipCode, sipHeaders}). */
export class Call extends Emitter {
  /** @type {Phone} */ #phone;
  /** @type {Set<string>} */ #muted = new Set();
  /** @type {RTCRtpEncodingParameters[] | undefined} */ #layers;
  #holds = false; // this page has asked for it; staff or a program may too
  /** @type {object[] | null} candidates found before the offer went out */ #early = null;
  /** @type {Array<() => void> | null} events held back until the dialler could add listeners */ #held = null;
  /** @type {HTMLAudioElement | null} */ #speaker = null;
  /** @type {Flow} */ #flow = { audio: true, video: false, receive_audio: true, receive_video: false };
  #restarting = false;
  /** @type {any} an update asked for while an offer was out */ #waiting = null;
  #renewing = 0;
  #follows = false;
  /** @type {Call | null} the screen shown in this call */ #share = null;
  /** @type {Call | null} of a screen: the call it is shown in @internal */ shareOf = null;
  /** @type {import('../callwright.js').Member[]} who is in its room or conversation of three, as `followMembers` asked */ members = [];
  memberCount = 0; // of all: at most 50 are in `members`
  /** @type {string | null} the name of the room it is in; null also in a conversation of three */ room = null;
  id = '';
  reqId = '';
  /** @type {CallState} */ state = 'ringing';
  /** @type {'local'|'remote'|null} who holds */ heldBy = null;
  isRecorded = false; // the call, or the room it is in
  startedAt = new Date(); // when it was dialled, or was announced here
  /** @type {Date | null} */ answeredAt = null;
  /** @type {Date | null} */ endedAt = null;
  /** @type {string | null} as `ended` tells it, for users */ endReason = null;
  /** @type {string | null} the same for engineers */ endCause = null;
  toName = '';
  /** @type {RTCPeerConnection | null} */ peerConnection = null;
  /** @type {MediaStream | null} */ localStream = null;
  remoteStream = new MediaStream();
  /** @type {Call | null} the call this one is a consultation of */ consultOf = null;

  /** @param {Phone} phone @param {{direction: 'inbound'|'outbound', from: string, to: string, fromName?: string,
   *   media?: Flow, userVariables?: Record<string, any>}} facts @internal  calls are made by Phone */
  constructor(phone, { direction, from, fromName = '', to, media, userVariables = {} }) {
    super();
    this.#phone = phone;
    this.direction = direction;
    this.from = from;
    this.fromName = fromName;
    this.to = to;
    this.media = media ?? this.#flow; // the caller's view
    this.userVariables = userVariables; // what the caller's side said of it: anybody may have written it
    if (direction === 'outbound') this.#held = [];
  }

  /** Milliseconds of talk until now, or until the end; 0 for a call that was not answered. */
  get duration() {
    return this.answeredAt ? (this.endedAt ?? new Date()).getTime() - this.answeredAt.getTime() : 0;
  }

  /** True while this side sends no sound. */
  get isMuted() {
    return this.#muted.has('audio');
  }

  /** True while this side sends no picture, or never did. */
  get isVideoMuted() {
    return !this.#flow.video || this.#muted.has('video');
  }

  /** Accepts. Absent options: sound both ways, and the caller's picture if it sends one.
   * @param {MediaOptions} [options] @returns {Promise<void>} */
  answer(options = {}) {
    const media = { receiveVideo: this.media.video, ...options };
    const done = this.offer(media, (sdp, flow) => ({ type: 'call.answer', call_id: this.id, sdp, media: flow }));
    done.catch((error) => this.emit('error', error)); // told also to who does not wait for the promise
    return done;
  }

  /** Declines: silently, or as busy. @param {'rejected'|'busy'} [reason] */
  reject(reason = 'rejected') {
    this.#say('call.reject', { reason });
  }

  /** Ends it: an active call, one that rings, or a consultation (then the first call resumes). */
  hangup() {
    this.#say('call.hangup');
  }

  /** The other party hears music until `resume()`. */
  hold() {
    this.#holds = true;
    this.#say('call.hold');
  }

  resume() {
    this.#holds = false;
    this.#say('call.resume');
  }

  /** Stops sending here and has the platform enforce it. @param {...('audio'|'video')} channels  default: audio */
  mute(...channels) {
    const which = channels.length ? channels : ['audio'];
    for (const channel of which) this.#muted.add(channel);
    this.#applyMute();
    this.#say('call.mute', { channels: which });
  }

  /** @param {...('audio'|'video')} channels  default: audio */
  unmute(...channels) {
    const which = channels.length ? channels : ['audio'];
    for (const channel of which) this.#muted.delete(channel);
    this.#applyMute();
    this.#say('call.unmute', { channels: which });
  }

  /** Blind transfer of the other party. @param {string} destination */
  transfer(destination) {
    this.#say('call.transfer', { destination });
  }

  /** Holds this call and dials a consultation. @param {string} destination @param {MediaOptions} [options]
   * @returns {Promise<Call>} the consultation; its `hangup()` cancels and resumes this call */
  async attendedTransfer(destination, options = {}) {
    this.#holds = true;
    const consult = await this.#phone.dial(destination, options, { type: 'call.consult', call_id: this.id });
    consult.consultOf = this;
    return consult;
  }

  /** Connects the held party with the consulted one. */
  completeTransfer() {
    (this.consultOf ?? this).#say('call.transfer.complete');
  }

  /** Gives the consultation up; the first call resumes. */
  cancelTransfer() {
    (this.consultOf ?? this).#say('call.transfer.cancel');
  }

  /** Puts the other party of another call into this one: the three then hear each other. @param {Call} other */
  merge(other) {
    this.#say('call.merge', { other_call_id: other.id });
  }

  /** True while a screen is shown to the others from here. */
  get isSharing() {
    return !!this.#share;
  }

  /** Lets the person choose a screen, window or tab, and shows it to the others until `stopSharing`, or until the person
   * stops it in the browser. Rejects where nobody could see it, or the person chose nothing.
   * @param {DisplayMediaStreamOptions} [options] @returns {Promise<MediaStream>} what is shown */
  async shareScreen(options = { video: true, audio: false }) {
    if (this.#share) return /** @type {MediaStream} */ (this.#share.localStream);
    const stream = await navigator.mediaDevices.getDisplayMedia(options);
    const [picture] = stream.getVideoTracks();
    picture.contentHint ||= 'detail';
    try {
      if (this.state === 'ended') throw new CallError('closed', 'the call is over');
      const shown = { stream: new MediaStream([picture]), receiveAudio: false, receiveVideo: false };
      const share = await this.#phone.dial('', shown, { type: 'call.share', call_id: this.id }, this);
      if (/** @type {string} */ (this.state) === 'ended' || picture.readyState === 'ended') {
        share.hangup(); // given up while the platform was asked
        share.close();
        return stream;
      }
      this.#share = share;
      picture.addEventListener('ended', () => this.stopSharing());
      share.on('error', (error) => this.emit('error', error));
      share.on('ended', () => this.#shared(share));
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw error;
    }
    this.emit('sharing', true);
    return stream;
  }

  /** Takes the screen away; the call goes on. */
  stopSharing() {
    const share = this.#share;
    share?.hangup();
    share?.finish('hangup', 'normal');
  }

  /** @param {Call} share  one that is over */
  #shared(share) {
    if (this.#share !== share) return;
    this.#share = null;
    this.emit('sharing', false);
  }

  /** Has the platform tell who is in this call's room, or conversation of three: `members`, now and at every change. */
  followMembers() {
    this.#follows = true;
    this.#say('call.members');
  }

  /** Shows the others of a room one's hand, or takes it down. @param {boolean} [raised] */
  raiseHand(raised = true) {
    this.#say('call.raise_hand', { raised });
  }

  /** @param {import('../callwright.js').Devices} choice */
  async useDevices({ microphone, camera, speaker, noiseSuppression }) {
    if (speaker !== undefined) await this.#setSpeaker(speaker);
    const heard = microphone !== undefined || noiseSuppression !== undefined;
    const want = { audio: heard && this.#flow.audio, video: camera !== undefined && this.#flow.video };
    if (!want.audio && !want.video) return;
    const fresh = await navigator.mediaDevices.getUserMedia(this.#constraints(want));
    for (const track of fresh.getTracks()) {
      const sender = this.peerConnection?.getSenders().find((known) => known.track?.kind === track.kind);
      const old = sender?.track;
      await sender?.replaceTrack(track);
      if (old) (old.stop(), this.localStream?.removeTrack(old));
      this.localStream?.addTrack(track);
    }
    this.#applyMute();
  }

  // --- below: what Phone calls ----------------------------------------------------------------------------------

  /** Opens microphone and camera, makes the offer and sends the message that carries it.
   * @param {MediaOptions} options @param {(sdp: string, media: Flow) => object} message @internal */
  async offer({ audio = true, video = false, receiveAudio = true, receiveVideo, stream, simulcast = false }, message) {
    this.#layers = simulcast ? LAYERS : undefined;
    const flow = (this.#flow = {
      audio: !!(stream ? stream.getAudioTracks().length : audio),
      video: !!(stream ? stream.getVideoTracks().length : video),
      receive_audio: receiveAudio,
      receive_video: receiveVideo ?? !!video,
    });
    const wanted = flow.audio || flow.video;
    const own = stream ?? (wanted ? await navigator.mediaDevices.getUserMedia(this.#constraints({ audio, video })) : null);
    this.localStream = own ?? new MediaStream();
    if (this.state === 'ended') return this.close(); // given up while the permission prompt was open
    return this.#negotiate(this.#connect(), message);
  }

  /** @param {string} id @internal */
  identify(id) {
    this.id = id;
    this.#phone.list(id, this);
  }

  /** @param {any} message  `call.incoming`, told again with more than a list of calls says @internal */
  describe = ({ from_name: fromName, media }) => void Object.assign(this, { fromName, media });

  /** @param {any} message @internal */
  receive(message) {
    switch (message.type) {
      case 'call.trying':
        // A dialler adds listeners when its promise resolves, which is after this turn of the loop.
        setTimeout(() => {
          const held = this.#held ?? [];
          this.#held = null;
          for (const tell of held) tell();
        }, 0);
        return this.#tell('trying');
      case 'sdp.answer':
        return this.#answered(message.sdp);
      case 'ice.candidate':
        return this.peerConnection?.addIceCandidate({
          candidate: message.candidate, sdpMid: message.sdp_mid, sdpMLineIndex: message.sdp_m_line_index,
        }).catch((error) => this.state === 'ended' || this.emit('error', error));
      case 'call.answered':
        this.state = 'active';
        this.answeredAt ??= new Date();
        return this.#tell('answered');
      case 'call.held':
        this.state = 'held';
        this.heldBy = message.held_by;
        return this.#tell('held', message.held_by, this.#holds);
      case 'call.resumed':
        this.state = 'active';
        this.heldBy = null;
        this.#holds = false;
        return this.#tell('resumed');
      case 'call.muted':
      case 'call.unmuted': {
        const { type, channels = [], by = 'local' } = message;
        const muted = type === 'call.muted';
        // What this page asked for is so here before the platform says it.
        const asked = channels.every((/** @type {string} */ channel) => this.#muted.has(channel) === muted);
        if (by === 'local') for (const channel of channels) this.#muted[muted ? 'add' : 'delete'](channel);
        this.#applyMute();
        return this.#tell(type.slice(5), channels, by, asked);
      }
      case 'call.dtmf':
        return this.#tell('dtmf', message.digit, message.by ?? 'remote');
      case 'call.members':
        Object.assign(this, { members: message.members, memberCount: message.count, room: message.room });
        return this.#tell('members', this.members);
      case 'call.caption':
        return this.#tell('caption', message.text, message.by ?? 'remote', !!message.final);
      case 'call.recording':
        this.isRecorded = message.recording === true;
        return this.#tell('recording', this.isRecorded);
      case 'call.transferred':
        if (message.new_call_id) this.identify(message.new_call_id); // the old id stays good
        return this.#tell('transferred');
      case 'call.parties': {
        const { from, from_name: fromName, to, to_name: toName } = message;
        const parties = { from, fromName, to, toName };
        Object.assign(this, parties);
        return this.#tell('parties', parties);
      }
      case 'call.transfer.failed':
        return this.#tell('transferFailed', message.reason);
      case 'call.update':
        return this.#update(message);
      case 'call.ended': {
        const { reason, cause, sip_code: sipCode, sip_headers: sipHeaders } = message;
        return this.finish(reason, cause, { sipCode, sipHeaders });
      }
      default: // ringing, transferring
        return this.#tell(message.type.slice(5));
    }
  }

  /** After a new socket: what the platform says of this call now. @param {CallState} state @internal */
  carryOn(state) {
    const before = this.state;
    this.state = state;
    // That it is recorded is told to each new socket; that it is not, is not.
    if (this.isRecorded) (this.isRecorded = false), this.#tell('recording', false);
    if (state === 'active' && before === 'ringing') (this.answeredAt ??= new Date()), this.#tell('answered');
    else if (state === 'active' && before === 'held') (this.heldBy = null), this.#tell('resumed');
    else if (state === 'held' && before !== 'held') (this.heldBy ??= 'remote'), this.#tell('held', this.heldBy, this.#holds);
    if (this.#follows && state !== 'ringing') this.#say('call.members');
    if (this.peerConnection && this.peerConnection.connectionState !== 'connected') this.#restartIce();
  }

  /** @param {string} reason @param {string} cause @param {object} [details] @internal */
  finish(reason, cause, details = {}) {
    if (this.state === 'ended') return;
    Object.assign(this, { endReason: reason, endCause: cause });
    this.close();
    this.#tell('ended', reason, cause, details);
  }

  /** Lets go of devices and connection; says nothing. @internal */
  close() {
    this.state = 'ended';
    this.endedAt ??= new Date();
    clearTimeout(this.#renewing);
    this.stopSharing();
    this.#phone.forget(this);
    this.peerConnection?.close();
    this.localStream?.getTracks().forEach((track) => track.stop());
    if (this.#speaker) this.#speaker.srcObject = null;
  }

  // --- below: the peer connection -------------------------------------------------------------------------------

  /** @param {string} type @param {object} [rest] */
  #say(type, rest = {}) {
    if (this.state !== 'ended') this.#phone.send({ type, call_id: this.id, req_id: this.#phone.nextId(), ...rest });
  }

  /** @param {string} type @param {...any} args */
  #tell(type, ...args) {
    if (this.#held) this.#held.push(() => this.emit(type, ...args));
    else this.emit(type, ...args);
  }

  /** @param {{audio?: any, video?: any}} want @returns {MediaStreamConstraints} */
  #constraints({ audio, video }) {
    const { microphone, camera, noiseSuppression } = this.#phone.devices;
    /** @param {any} wish @param {string | undefined} id @param {object} [more] */
    const pick = (wish, id, more) => wish && { ...more, ...(id ? { deviceId: { ideal: id } } : {}), ...(typeof wish === 'object' ? wish : {}) };
    return { audio: pick(audio, microphone, noiseSuppression === undefined ? {} : { noiseSuppression }) || false, video: pick(video, camera) || false };
  }

  /** A fresh connection with this call's tracks; an older one is replaced. */
  #connect() {
    const pc = new RTCPeerConnection({ iceServers: this.#phone.iceServers, bundlePolicy: 'max-bundle' });
    const stream = /** @type {MediaStream} */ (this.localStream);
    for (const kind of /** @type {('audio'|'video')[]} */ (['audio', 'video'])) {
      const track = stream.getTracks().find((own) => own.kind === kind);
      const receive = this.#flow[`receive_${kind}`];
      if (!track && !receive) continue;
      const direction = track ? (receive ? 'sendrecv' : 'sendonly') : 'recvonly';
      const sendEncodings = kind === 'video' && track ? this.#layers : undefined;
      pc.addTransceiver(track ?? kind, { direction, streams: [stream], ...(sendEncodings && { sendEncodings }) });
    }
    pc.ontrack = ({ track }) => this.#hear(pc, track);
    pc.onicecandidate = ({ candidate }) => pc === this.peerConnection && this.#trickle(candidate);
    pc.onconnectionstatechange = () => {
      if (pc !== this.peerConnection || this.state === 'ended') return;
      this.emit('media', pc.connectionState);
      if (pc.connectionState === 'failed') this.#restartIce();
    };
    this.peerConnection?.close();
    this.peerConnection = pc;
    this.remoteStream.getTracks().forEach((track) => this.remoteStream.removeTrack(track));
    return pc;
  }

  /** @param {RTCPeerConnection} pc @param {(sdp: string, media: Flow) => object} message @param {RTCOfferOptions} [how] */
  async #negotiate(pc, message, how) {
    this.#early = [];
    const offer = await pc.createOffer(how);
    await pc.setLocalDescription({ type: 'offer', sdp: withRepair(offer.sdp ?? '') }).catch(() => pc.setLocalDescription(offer));
    const sent = this.#phone.send(message(/** @type {any} */ (pc.localDescription).sdp, this.#flow));
    if (!sent) throw new CallError('closed', 'not connected');
    const early = this.#early ?? [];
    this.#early = null;
    if (this.state === 'ended') return; // while the offer was made
    for (const candidate of early) this.#phone.send({ ...candidate, ...this.#address() });
  }

  /** Until the platform named the call, its candidates go by the create's `req_id`. */
  #address() {
    return this.id ? { call_id: this.id } : { req_id: this.reqId };
  }

  /** @param {RTCIceCandidate | null} candidate */
  #trickle(candidate) {
    const { candidate: text, sdpMid, sdpMLineIndex } = candidate ?? {};
    const message = text
      ? { type: 'ice.candidate', candidate: text, sdp_mid: sdpMid, sdp_m_line_index: sdpMLineIndex }
      : { type: 'ice.done' };
    if (this.state === 'ended' || (candidate && !text)) return; // too late · the end of one generation; `null` ends all
    if (this.#early) this.#early.push(message);
    else this.#phone.send({ ...message, ...this.#address() });
  }

  /** @param {string} sdp */
  async #answered(sdp) {
    const pc = this.peerConnection;
    if (this.state === 'ended' || pc?.signalingState !== 'have-local-offer') return;
    try {
      await pc.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      if (/** @type {string} */ (this.state) !== 'ended') this.emit('error', error);
    }
    this.#restarting = false;
    const waiting = this.#waiting;
    if (waiting) await this.#update(((this.#waiting = null), waiting));
  }

  /** @param {{reason?: string, pictures?: number}} message  the platform asks for a fresh offer */
  async #update(message) {
    const { reason, pictures } = message;
    try {
      // Another worker carries the call now: new keys, new ports, so a new connection. Else: room for one more picture.
      const pc = reason === 'media_moved' || !this.peerConnection ? this.#connect() : this.peerConnection;
      if (pc.signalingState !== 'stable') return void (this.#waiting = message);
      if (reason === 'new_tracks') this.#makeRoom(pc, pictures);
      await this.#renegotiate(pc);
    } catch (error) {
      if (this.state !== 'ended') this.emit('error', error);
    }
  }

  /** A place for each kind of track there is none for yet, else one more picture; in a room, one per picture.
   * @param {RTCPeerConnection} pc @param {number} [pictures] */
  #makeRoom(pc, pictures) {
    const kinds = pc.getTransceivers().map((place) => place.receiver.track.kind);
    const missing = ['audio', 'video'].filter((kind) => !kinds.includes(kind));
    const more = Array(Math.max(0, (pictures ?? 0) - kinds.filter((kind) => kind === 'video').length)).fill('video');
    const wanted = pictures ? more : missing.length ? missing : ['video'];
    for (const kind of wanted) pc.addTransceiver(kind, { direction: 'recvonly' });
    for (const kind of missing) this.#flow[kind === 'audio' ? 'receive_audio' : 'receive_video'] ||= wanted.includes(kind);
  }

  async #restartIce() {
    if (this.#restarting || this.peerConnection?.signalingState !== 'stable') return;
    this.#restarting = true;
    this.#renewing = Number(setTimeout(() => (this.#restarting = false), 10000));
    await this.#renegotiate(this.peerConnection, { iceRestart: true }).catch((error) => this.emit('error', error));
  }

  /** @param {RTCPeerConnection} pc @param {RTCOfferOptions} [how] */
  #renegotiate(pc, how) {
    return this.#negotiate(pc, (sdp) => ({ type: 'call.update', call_id: this.id, sdp }), how);
  }

  /** @param {RTCPeerConnection} pc @param {MediaStreamTrack} track */
  #hear(pc, track) {
    if (pc !== this.peerConnection) return;
    this.remoteStream.addTrack(track);
    if (track.kind === 'audio' && this.#phone.playAudio) {
      this.#speaker ??= new Audio();
      this.#speaker.autoplay = true;
      this.#speaker.srcObject = this.remoteStream;
      this.#speaker.play().catch(() => {}); // refused before the first click; autoplay takes over then
      if (this.#phone.devices.speaker) this.#setSpeaker(this.#phone.devices.speaker);
    }
    this.emit('track', track, this.remoteStream);
  }

  /** @param {string} id */
  async #setSpeaker(id) {
    const speaker = /** @type {any} */ (this.#speaker);
    await speaker?.setSinkId?.(id).catch((/** @type {Error} */ error) => this.emit('error', error));
  }

  #applyMute() {
    for (const track of this.localStream?.getTracks() ?? []) track.enabled = !this.#muted.has(track.kind);
  }
}
