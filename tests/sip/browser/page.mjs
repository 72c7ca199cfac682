// One phone in a page: JsSIP or SIP.js as their manuals have it, behind the same few words for the tests.
import { JsSIP, SessionManager, UserAgent, defaultSessionDescriptionHandlerFactory } from '/bundle.js';

const calls = new Map(); // name -> { session, events, digits, analyser }
const seen = { registered: [], incoming: [], connections: [] };
let sound, context, phone, next = 0;

function oscillator(hertz) {
  context = new AudioContext();
  const tone = context.createOscillator();
  const out = context.createMediaStreamDestination();
  tone.frequency.value = hertz;
  tone.connect(out);
  tone.start();
  return out.stream;
}

function listen(one, connection) {
  const attach = (track) => {
    const stream = new MediaStream([track]);
    const element = new Audio(); // without one Chromium decodes nothing
    element.muted = true;
    element.srcObject = stream;
    element.play();
    one.element = element;
    one.analyser = context.createAnalyser();
    one.analyser.fftSize = 8192;
    context.createMediaStreamSource(stream).connect(one.analyser);
  };
  one.connection = connection;
  connection.addEventListener('track', ({ track }) => track.kind === 'audio' && attach(track));
  for (const receiver of connection.getReceivers()) if (receiver.track.kind === 'audio') attach(receiver.track);
}

function keep(session) {
  for (const [name, one] of calls) if (one.session === session) return name;
  const name = `call${next++}`;
  calls.set(name, { session, events: [], digits: '' });
  return name;
}

class WithJsSip {
  constructor({ url, user, password, host }) {
    this.host = host;
    const socket = new JsSIP.WebSocketInterface(url);
    this.ua = new JsSIP.UA({ sockets: [socket], uri: `sip:${user}@${host}`, password, register_expires: 120 });
    this.ua.on('connected', () => seen.connections.push('up'));
    this.ua.on('disconnected', () => seen.connections.push('down'));
    this.ua.on('registered', () => seen.registered.push('registered'));
    this.ua.on('unregistered', () => seen.registered.push('unregistered'));
    this.ua.on('registrationFailed', ({ cause }) => seen.registered.push(cause));
    this.ua.on('newRTCSession', ({ session, originator }) => {
      const name = keep(session);
      const one = calls.get(name);
      for (const type of ['progress', 'accepted', 'confirmed', 'hold', 'unhold'])
        session.on(type, () => one.events.push(type));
      session.on('ended', ({ originator: by, cause }) => one.events.push(`ended ${by} ${cause}`));
      session.on('failed', ({ message, cause }) => one.events.push(`failed ${message?.status_code ?? cause}`));
      session.on('newDTMF', ({ originator: by, dtmf }) => { if (by === 'remote') one.digits += dtmf.tone; });
      session.on('peerconnection', ({ peerconnection }) => listen(one, peerconnection));
      if (session.connection) listen(one, session.connection);
      if (originator === 'remote') seen.incoming.push(name);
    });
    this.ua.start();
  }
  dial(to) { return keep(this.ua.call(`sip:${to}@${this.host}`, { mediaStream: sound.clone() })); }
  answer({ session }) { session.answer({ mediaStream: sound.clone() }); }
  refuse({ session }, code) { session.terminate({ status_code: code }); }
  end({ session }) { session.terminate(); }
  hold({ session }) { session.hold(); }
  resume({ session }) { session.unhold(); }
  transfer(one, to) { this.refer(one, `sip:${to}@${this.host}`, {}); }
  join(one, other) { this.refer(one, other.session.remote_identity.uri, { replaces: other.session }); }
  refer(one, target, options) {
    one.session.refer(target, {
      ...options,
      eventHandlers: {
        accepted: () => one.events.push('transferred'),
        failed: ({ status_line }) => one.events.push(`transfer ${status_line?.status_code}`),
        requestFailed: ({ cause }) => one.events.push(`transfer refused ${cause}`),
      },
    });
  }
  press({ session }, digits, way) {
    session.sendDTMF(digits, { duration: 120, interToneGap: 70, transportType: way === 'info' ? 'INFO' : 'RFC2833' });
  }
  stop() { this.ua.stop(); }
}

class WithSipJs {
  constructor({ url, user, password, host }) {
    this.host = host;
    const watched = (session) => {
      const name = keep(session);
      const one = calls.get(name);
      session.stateChange.addListener((state) => {
        one.events.push({ Established: 'confirmed', Terminated: 'ended' }[state] ?? state);
        if (state === 'Establishing' || state === 'Established') this.hear(one);
      });
      return name;
    };
    const refused = (name) => (response) =>
      calls.get(name).events.push(`failed ${response.message.statusCode}`);
    this.watched = watched;
    this.refused = refused;
    this.manager = new SessionManager(url, {
      aor: `sip:${user}@${host}`,
      registererOptions: { expires: 120 },
      media: { constraints: { audio: true, video: false } },
      autoStop: false,
      userAgentOptions: {
        authorizationUsername: user,
        authorizationPassword: password,
        logLevel: 'warn',
        sessionDescriptionHandlerFactory: defaultSessionDescriptionHandlerFactory(async () => sound.clone()),
      },
      delegate: {
        onServerConnect: () => seen.connections.push('up'),
        onServerDisconnect: () => seen.connections.push('down'),
        onRegistered: () => seen.registered.push('registered'),
        onUnregistered: () => seen.registered.push('unregistered'),
        onCallReceived: (session) => seen.incoming.push(watched(session)),
        onCallDTMFReceived: (session, tone) => { calls.get(keep(session)).digits += tone; },
        onCallHold: (session, held) => calls.get(keep(session)).events.push(held ? 'hold' : 'unhold'),
      },
    });
    this.manager.connect().then(() => this.manager.register());
  }
  hear(one) {
    const connection = one.session.sessionDescriptionHandler?.peerConnection;
    if (connection && one.connection !== connection) listen(one, connection);
  }
  async dial(to) {
    let name;
    const session = await this.manager.call(`sip:${to}@${this.host}`, undefined, {
      requestDelegate: {
        onProgress: () => calls.get(name)?.events.push('progress'),
        onReject: (response) => this.refused(name)(response),
      },
    });
    name = this.watched(session);
    return name;
  }
  answer({ session }) { return this.manager.answer(session); }
  refuse({ session }, code) { return session.reject({ statusCode: code }); }
  end({ session }) { return this.manager.hangup(session); }
  hold({ session }) { return this.manager.hold(session); }
  resume({ session }) { return this.manager.unhold(session); }
  transfer(one, to) { return this.refer(one, UserAgent.makeURI(`sip:${to}@${this.host}`)); }
  join(one, other) { return this.refer(one, other.session); }
  refer(one, target) {
    return one.session.refer(target, {
      onNotify: (note) => {
        note.accept();
        if (note.request.body.startsWith('SIP/2.0 2')) one.events.push('transferred');
      },
      requestDelegate: {
        onReject: (response) => one.events.push(`transfer refused ${response.message.statusCode}`),
      },
    });
  }
  async press({ session }, digits, way) {
    for (const digit of digits) {
      if (way === 'info') await this.manager.sendDTMF(session, digit);
      else session.sessionDescriptionHandler.sendDtmf(digit, { duration: 120, interToneGap: 70 });
      await new Promise((done) => setTimeout(done, 250));
    }
  }
  async stop() { await this.manager.unregister(); await this.manager.disconnect(); }
}

window.start = async (library, hertz, options) => {
  await navigator.mediaDevices.getUserMedia({ audio: true }); // a phone has the permission
  sound = oscillator(hertz);
  phone = library === 'JsSIP' ? new WithJsSip(options) : new WithSipJs(options);
};
window.seen = () => seen;
window.told = () => [...calls].map(([name, one]) => `${name}: ${one.events.join(', ')}`);
window.events = (name) => calls.get(name).events;
window.pressed = (name) => calls.get(name).digits;
window.dial = (to) => phone.dial(to);
for (const word of ['answer', 'refuse', 'end', 'hold', 'resume', 'transfer', 'press'])
  window[word] = async (name, ...given) => { await phone[word](calls.get(name), ...given); };
window.join = async (name, other) => { await phone.join(calls.get(name), calls.get(other)); };
window.stop = () => phone.stop();
window.loudest = (name) => { // [Hz, dB] of the strongest tone now
  const { analyser } = calls.get(name);
  if (!analyser) return [0, -200];
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const best = levels.indexOf(Math.max(...levels));
  return [best * context.sampleRate / analyser.fftSize, Math.max(-200, levels[best])];
};
window.loaded = true;
