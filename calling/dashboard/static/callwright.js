// @ts-check
/**
 * Callwright in a browser: a Phone is one device on `/ws/phone`, a Call one call on it.
 *
 *     import { Phone } from '/static/callwright.js';
 *     const phone = new Phone({ token });
 *     await phone.connect();
 *     const call = await phone.call('/private/bob');
 *     call.on('ended', (reason, cause) => console.log(reason, cause));
 *
 * The device always offers and the platform answers. A lost socket is opened again with the same device id,
 * and calls live on for 15 s meanwhile; a page that is left hangs up. Nothing here draws anything; remote audio is played unless told not to.
 */

import { Call } from './callwright/call.js';
import { CallError, Emitter } from './callwright/emitter.js';
import { Tabs } from './callwright/tabs.js';

export { Call, CallError };

/**
 * @typedef {{audio?: boolean|MediaTrackConstraints, video?: boolean|MediaTrackConstraints, receiveAudio?: boolean,
 *   receiveVideo?: boolean, stream?: MediaStream, simulcast?: boolean}} MediaOptions  what flows; absent: audio both ways;
 *   `simulcast`: the camera in three qualities, for a room
 * @typedef {MediaOptions & {callerId?: string, sipHeaders?: Record<string, string>, metadata?: object}} CallOptions
 * @typedef {{url?: string, token: string | (() => string | Promise<string>), refreshToken?: string, playAudio?: boolean}} PhoneOptions
 * @typedef {{microphone?: string, camera?: string, speaker?: string, noiseSuppression?: boolean}} Devices
 *   ids of devices; `noiseSuppression`: the browser's own, absent: as it likes
 * @typedef {{leg_id: string, address: string, name: string, muted: boolean, hand_raised: boolean, sharing: boolean,
 *   you: boolean}} Member
 * @typedef {'ringing'|'active'|'held'|'ended'} CallState
 * @typedef {{audio: boolean, video: boolean, receive_audio: boolean, receive_video: boolean}} Flow
 */

const GRACE_MS = 15000; // the platform keeps a lost device's calls this long
const PING_MS = 20000;
const LAST_WORD_MS = 2000;
const ANSWER_MS = 10000; // how long an answer to a request, or a pong, may take
const LONGEST_MS = 2 ** 31 - 1; // that a browser's timer can wait
const RENEW_MS = 15000; // before a renewal that failed is tried again

/** Events: `ready` {deviceId, subscriber, addresses}, `incoming` (call), `closed` (code, reason, willReconnect),
 * `error` (CallError), `token.expiring` (renews: whether this Phone sees to it), `token.refreshed` ({token, refreshToken}). */
export class Phone extends Emitter {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<string, Call>} by call id */ #calls = new Map();
  /** @type {Map<string, {call: Call | null, resolve: Function, reject: Function, timer: number}>} */ #requests = new Map();
  /** @type {Call[]} announced and not yet listed */ #announced = [];
  #serial = 0;
  #attempts = 0;
  #lostAt = 0;
  #wanted = false;
  #timers = { ping: 0, pong: 0, again: 0 };
  #renewing = 0;
  #endsAt = Infinity; // when the token ends, by this computer's clock
  #refused = 0; // sockets in a row whose token was refused
  #spending = false; // the socket signs in with the refresh token
  /** @type {Tabs | null} */ #tabs = null;
  /** @type {Devices} */ devices = {};
  /** @type {string | undefined} */ deviceId;
  /** @type {RTCIceServer[]} */ iceServers = [];
  /** @type {any} */ subscriber = null;
  /** @type {any[]} */ addresses = [];

  /** @param {PhoneOptions} options  `token` may be a function: it is asked again when one expires. With a
   * `refreshToken` the Phone gets new pairs by itself, and tells them by `token.refreshed`: each is good for once. */
  constructor({ url, token, refreshToken, playAudio = true }) {
    super();
    this.url = url ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/phone`;
    this.token = token;
    this.refreshToken = refreshToken;
    this.playAudio = playAudio;
    if (refreshToken) this.#tabs = new Tabs(() => this.refreshToken, (pair) => this.#adopt(pair));
    // A page that is left has no ears any more: tell the platform now. Where the browser has closed the socket before
    // (1001), the platform waits 2 s. One that comes back out of the browser's cache is a device again.
    let left = false;
    addEventListener('pagehide', () => {
      left = this.#wanted;
      this.disconnect();
    });
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted && left) this.connect().catch((error) => this.emit('error', error));
    });
    // Back on the network, or looked at again: do not wait for timers, which a hidden page has few of.
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => document.hidden || this.#hurry());
  }

  /** True while the socket is open and authenticated. */
  get ready() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#attempts === 0;
  }

  /** Calls that have not ended. @returns {Call[]} */
  get activeCalls() {
    return this.#live.filter((call) => !call.shareOf);
  }

  /** The same with the screens that are shared in them. */
  get #live() {
    return [...new Set(this.#calls.values())].filter((call) => call.state !== 'ended' && !this.#announced.includes(call));
  }

  /** @param {string} id @returns {Call | undefined} */
  getCall(id) {
    return this.#calls.get(id);
  }

  /** Opens the socket; resolves at the first `auth.ok`. @returns {Promise<void>} */
  connect() {
    if (this.ready) return Promise.resolve();
    const first = !this.#wanted;
    this.#wanted = true;
    if (first) this.#attempts = 1;
    const open = new Promise((resolve, reject) => {
      const stop = [
        this.on('ready', () => finish(resolve)),
        this.on('closed', (code, reason, again) => again || finish(() => reject(new CallError(String(code), reason)))),
      ];
      const finish = (/** @type {Function} */ done) => (stop.forEach((off) => off()), done());
    });
    if (first) this.#open();
    return open;
  }

  /** Hangs up every call and closes the socket for good. */
  disconnect() {
    for (const call of this.activeCalls) {
      // One that still rings here may be taken on another device, or be rung again where this one comes back.
      if (call.direction === 'outbound' || call.state !== 'ringing') call.hangup();
      call.finish('hangup', 'normal');
    }
    this.#wanted = false;
    this.#clearTimers();
    clearTimeout(this.#renewing);
    this.#socket?.close(1000);
  }

  /** Gives a fresh token to the open connection. @param {string} token */
  renew(token) {
    this.token = token;
    this.send({ type: 'auth', token, device_id: this.deviceId });
  }

  /** Dials. Resolves when the platform has taken the call (`trying`), rejects with CallError if it refuses.
   * @param {string} destination  `/context/name`, an extension, `+E.164` or `sip:user@host`
   * @param {CallOptions} [options] @returns {Promise<Call>} */
  call(destination, options = {}) {
    return this.dial(destination, options, {
      type: 'call.create', caller_id: options.callerId, sip_headers: options.sipHeaders, metadata: options.metadata,
    });
  }

  /** @param {string} destination @param {CallOptions} options @param {object} message
   * @param {Call | null} [shareOf]  the call that it shows a screen in @returns {Promise<Call>} @internal */
  async dial(destination, options, message, shareOf = null) {
    const hint = /[?&]channel=video\b/.test(destination) ? { video: true } : {};
    const call = new Call(this, { direction: 'outbound', from: this.subscriber?.address ?? '', to: destination });
    call.shareOf = shareOf;
    if (!this.ready) await this.connect();
    const req_id = call.reqId = this.nextId();
    /** @type {Promise<any> | undefined} */ let trying;
    try {
      await call.offer({ ...hint, ...options }, (sdp, media) => {
        trying = this.#request(req_id, call); // its clock runs from here: a camera prompt may take its time
        trying.catch(() => {});
        return { ...message, req_id, ...(destination ? { destination, media } : {}), sdp };
      });
      await trying;
    } catch (error) {
      call.close();
      throw error;
    }
    return call;
  }

  /** Microphones, cameras and speakers; labels are empty until one was allowed. */
  static async listDevices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    /** @param {string} kind */
    const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId);
    return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
  }

  /** Chooses devices by id for the next calls and for those now live.
   * @param {Devices} choice */
  async useDevices(choice) {
    Object.assign(this.devices, choice);
    await Promise.all(this.activeCalls.map((call) => call.useDevices(choice)));
  }

  /** @param {object} message @returns {boolean} false where nothing is connected @internal */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @internal */
  nextId() {
    this.#serial += 1;
    return `r${this.#serial}`;
  }

  /** @param {string} id @param {Call} call @internal */
  list(id, call) {
    this.#calls.set(id, call);
  }

  /** @param {Call} call @internal */
  forget(call) {
    for (const [id, known] of this.#calls) if (known === call) this.#calls.delete(id);
  }

  /** @param {string} reqId @param {Call | null} call @returns {Promise<any>} */
  #request(reqId, call) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(reqId, new CallError('timeout', 'no answer')), ANSWER_MS);
      this.#requests.set(reqId, { call, resolve, reject, timer: Number(timer) });
    });
  }

  /** @param {string} reqId @param {any} value @returns {boolean} whether somebody waited */
  #settle(reqId, value) {
    const waiting = this.#requests.get(reqId);
    if (!waiting) return false;
    this.#requests.delete(reqId);
    clearTimeout(waiting.timer);
    value instanceof Error ? waiting.reject(value) : waiting.resolve(value);
    return true;
  }

  async #open() {
    const { refreshToken } = this;
    this.#spending = false;
    try {
      // A token that ended while the line was away: the refresh token outlives it.
      if (this.#tabs && refreshToken && (this.#refused || Date.now() >= this.#endsAt)) {
        await this.#tabs.use(refreshToken, () => {
          this.#spending = true;
          return this.#socketWith({ refresh_token: refreshToken });
        });
        if (this.#spending || !this.#wanted) return;
      }
      const token = typeof this.token === 'function' ? await this.token() : this.token;
      if (this.#wanted) this.#socketWith({ token });
    } catch (error) {
      this.emit('error', error);
      this.#retry(0, 'no token');
    }
  }

  /** @param {{token: string} | {refresh_token: string}} credential
   * @returns {Promise<void>} when the platform has judged it, or the socket was lost */
  #socketWith(credential) {
    if (!this.#wanted) return Promise.resolve();
    const socket = (this.#socket = new WebSocket(this.url));
    return new Promise((done) => {
      socket.onopen = () => this.send({ type: 'auth', ...credential, device_id: this.deviceId });
      socket.onmessage = (event) => {
        if (socket === this.#socket) this.#receive(JSON.parse(event.data));
        done();
      };
      socket.onclose = ({ code, reason }) => {
        if (socket === this.#socket) this.#closed(code, reason);
        done();
      };
    });
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    this.#socket = null;
    this.#lostAt ||= Date.now();
    for (const id of [...this.#requests.keys()]) this.#settle(id, new CallError('closed', 'the connection was lost'));
    // A refused token is worth a second try only where a new one can be had.
    if (code === 4401 && (!this.#renews || this.#spending || (this.#refused += 1) > 1)) this.#wanted = false;
    this.#retry(code, reason);
  }

  /** @param {number} code @param {string} reason */
  #retry(code, reason) {
    this.#clearTimers();
    if (!this.#wanted) for (const call of this.#live) call.finish('failed', 'device_lost');
    if (this.#wanted) {
      if (Date.now() - this.#lostAt > GRACE_MS) for (const call of this.#live) call.finish('failed', 'device_lost');
      // Whoever talks is back first. All others of a restarted proxy spread themselves, or they come at once.
      const [least, most, some] = this.activeCalls.length || code === 4429 ? [250, 2000, 0.5] : [1000, 30000, 0];
      const full = code === 4429 ? 5000 : Math.min(least * 2 ** this.#attempts, most);
      this.#attempts += 1;
      const wait = code === 4401 ? 0 : full * (some + Math.random() * (1 - some));
      this.#timers.again = Number(setTimeout(() => ((this.#timers.again = 0), this.#open()), wait));
    }
    this.emit('closed', code, reason, this.#wanted);
  }

  #clearTimers() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers.again = 0;
  }

  /** Open a lost socket now, or find out whether the one that looks open still is. */
  #hurry() {
    const waits = this.#timers.again !== 0;
    if (!this.#wanted || (!waits && !this.ready)) return;
    this.#clearTimers();
    if (waits) this.#open();
    else this.#ping();
  }

  #keepAlive() {
    this.#clearTimers();
    this.#timers.ping = Number(setTimeout(() => this.#ping(), PING_MS));
  }

  #ping() {
    this.send({ type: 'ping' });
    // A half-open socket reports itself open for a minute: the missing pong is the only sign.
    this.#timers.pong = Number(setTimeout(() => {
      const silent = this.#socket;
      this.#closed(4000, 'no pong');
      silent?.close();
    }, ANSWER_MS));
  }

  /** @param {any} message */
  #receive(message) {
    this.#keepAlive();
    const call = this.#calls.get(message.call_id);
    if (message.type === 'auth.ok') return this.#authenticated(message);
    if (message.type === 'call.trying') {
      const waiting = this.#requests.get(message.req_id);
      waiting?.call?.identify(message.call_id);
      this.#settle(message.req_id, message);
      return waiting?.call?.receive(message);
    }
    if (message.type === 'call.incoming') return call ? call.describe(message) : this.#announce(message);
    if (message.type === 'token.expiring') return this.#expiring();
    if (message.type === 'calls') return this.#reconcile(message.calls);
    if (message.type === 'pong') return undefined;
    if (message.type === 'error') {
      const error = new CallError(message.code, message.message);
      // What was on its way when its call was refused, or ended.
      if (message.code === 'call_id_required' && !this.#requests.has(message.req_id)) return undefined;
      if (!call && message.call_id && !this.#requests.has(message.req_id)) return undefined;
      if (!this.#settle(message.req_id, error)) (call ?? this).emit('error', error);
      return undefined;
    }
    return call?.receive(message);
  }

  /** @param {any} message */
  #announce(message) {
    const { call_id, from, from_name, to, media, user_variables: userVariables } = message;
    const call = new Call(this, { direction: 'inbound', from, fromName: from_name, to, media, userVariables });
    call.identify(call_id);
    // While its own `incoming` is being told a call is not yet listed: what is listed is what it would interrupt.
    this.#announced.push(call);
    this.emit('incoming', call);
    this.#announced.splice(this.#announced.indexOf(call), 1);
  }

  async #expiring() {
    this.emit('token.expiring', this.#renews);
    await this.#renew();
  }

  /** Whether this Phone can have a new token by itself. */
  get #renews() {
    return typeof this.token === 'function' || !!this.refreshToken;
  }

  /** A new token, long before the present one ends: a lost connection meanwhile then costs nothing. */
  async #renew() {
    const { refreshToken } = this;
    try {
      if (typeof this.token === 'function') this.send({ type: 'auth', token: await this.token(), device_id: this.deviceId });
      else if (refreshToken) await this.#tabs?.use(refreshToken, () => this.#refresh(refreshToken));
    } catch (error) {
      // Used up or revoked: a second try would say the same. Any other failure is of the moment.
      const final = /^token_/.test(/** @type {CallError} */ (error).code ?? '');
      if (final) this.refreshToken = undefined;
      if (final || typeof this.token === 'function') this.emit('error', error);
      clearTimeout(this.#renewing);
      if (!final && this.#wanted) this.#renewing = Number(setTimeout(() => this.#renew(), RENEW_MS));
    }
  }

  /** @param {string} refreshToken */
  async #refresh(refreshToken) {
    const req_id = this.nextId();
    const answer = this.#request(req_id, null);
    const said = this.send({ type: 'token.refresh', req_id, refresh_token: refreshToken });
    if (!said) this.#settle(req_id, null); // the next socket sees to it
    await answer;
  }

  /** Another tab has used the refresh token up. @param {{token: string, refreshToken: string}} pair */
  #adopt(pair) {
    Object.assign(this, pair);
    this.#endsAt = Infinity;
    this.#refused = 0;
    this.emit('token.refreshed', pair);
    if (this.ready) this.renew(pair.token);
  }

  /** @param {{token?: string, refresh_token?: string, expires_in?: number, req_id?: string}} message  `auth.ok` */
  #keepTokens({ token, refresh_token: refreshToken, expires_in: seconds, req_id }) {
    if (token && refreshToken) {
      const used = this.refreshToken;
      Object.assign(this, { token, refreshToken });
      if (used) this.#tabs?.made(used, { token, refreshToken });
      this.#settle(String(req_id), null);
      this.emit('token.refreshed', { token, refreshToken });
    }
    this.#endsAt = seconds === undefined ? Infinity : Date.now() + seconds * 1000;
    clearTimeout(this.#renewing);
    if (!this.#renews || seconds === undefined) return;
    this.#renewing = Number(setTimeout(() => this.#renew(), Math.min(seconds * 500, LONGEST_MS)));
  }

  /** @param {any} message */
  #authenticated(message) {
    const returning = this.#lostAt > 0;
    const renewal = this.#attempts === 0;
    this.#attempts = this.#lostAt = this.#refused = 0;
    this.deviceId = message.device_id;
    this.iceServers = message.ice_servers ?? [];
    this.subscriber = message.subscriber;
    this.addresses = message.addresses ?? [];
    this.#keepTokens(message);
    if (!renewal) this.emit('ready', message);
    if (returning) this.send({ type: 'calls.list', req_id: this.nextId() });
  }

  /** What the platform says of this device's calls, after a new socket.
   * @param {{id: string, from: string, to: string, state: CallState, direction: string}[]} listed */
  #reconcile(listed) {
    const known = new Map(listed.map((one) => [one.id, one]));
    for (const call of this.#live) {
      const state = known.get(call.id)?.state;
      if (state) call.carryOn(state);
      // It ended meanwhile; the platform says why in a moment, and this page knows no reason of its own.
      else setTimeout(() => call.finish('failed', 'device_lost'), LAST_WORD_MS);
    }
    for (const one of listed) {
      if (one.direction === 'inbound' && one.state === 'ringing' && !this.#calls.has(one.id)) {
        this.#announce({ ...one, call_id: one.id });
      }
    }
  }
}
