// What a page of an integrator would do with the SDK, with everything written down for the tests.
import { SignalWire, StaticCredentialProvider, embeddableCall } from '/bundle.js';

const calls = new Map();
const seen = { errors: [], incoming: [] };
let client;
let next = 0;

function keep(call) {
  for (const [name, one] of calls) if (one.call === call) return name;
  const name = `call${next++}`;
  const one = { call, statuses: [], video: null, audio: null, members: [] };
  calls.set(name, one);
  call.status$.subscribe((status) => one.statuses.push(status));
  call.remoteStream$.subscribe((stream) => { if (stream) attach(one, stream); });
  return name;
}

function attach(one, stream) {
  if (one.stream === stream) return;
  one.stream = stream;
  one.element = document.createElement('video');
  one.element.muted = true;
  one.element.autoplay = true;
  one.element.srcObject = stream;
  document.body.append(one.element);
}

window.start = async (token) => {
  client = new SignalWire(new StaticCredentialProvider({ token }));
  client.errors$.subscribe((error) => seen.errors.push(String(error?.message ?? error)));
  await new Promise((resolve, reject) => {
    client.ready$.subscribe((ready) => ready && resolve());
    setTimeout(() => reject(new Error(`not ready: ${seen.errors}`)), 15000);
  });
  client.session.incomingCalls$.subscribe((list) => {
    for (const call of list) {
      const name = keep(call);
      if (!seen.incoming.includes(name)) seen.incoming.push(name);
    }
  });
  return true;
};

window.register = async () => { await client.register(); return client.isRegistered; };

window.dial = async (destination, options) => {
  const began = performance.now();
  try {
    return { call: keep(await client.dial(destination, options)), seconds: (performance.now() - began) / 1000 };
  } catch (error) {
    return { error: error.name, message: error.message, seconds: (performance.now() - began) / 1000 };
  }
};

window.embed = async (options) => {
  try {
    return { call: keep(await embeddableCall(options)) };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
};

window.statuses = (name) => calls.get(name).statuses;
window.errors = () => seen.errors;
window.incoming = () => seen.incoming;
window.answer = (name, options) => calls.get(name).call.answer(options);
window.reject = (name) => calls.get(name).call.reject();
window.hangup = (name) => calls.get(name).call.hangup();
window.hold = (name) => calls.get(name).call.toggleHold();
window.digits = (name, digits) => calls.get(name).call.sendDigits(digits);
window.transfer = (name, destination) => calls.get(name).call.transfer({ destination });
window.mute = (name) => calls.get(name).call.self.mute();
window.unmute = (name) => calls.get(name).call.self.unmute();
window.self = (name) => {
  const self = calls.get(name).call.self;
  return self ? { muted: self.audioMuted, id: self.id } : null;
};

window.participants = (name) => calls.get(name).call.participants.map((each) => ({
  id: each.id, name: each.name, muted: each.audioMuted, talking: each.isTalking,
}));
// A verb on another participant (`mute`, `remove` …), or on the call (`toggleLock`); what went wrong, if anything.
window.rule = async (name, who, verb) => {
  const { call } = calls.get(name);
  try {
    await (who ? call.participants.find((each) => each.name === who) : call)[verb]();
    return null;
  } catch (error) {
    return String(error.message ?? error);
  }
};
window.restartIce = (name) => calls.get(name).call.requestIceRestart();
window.ufrag = (name) => calls.get(name).call.rtcPeerConnection.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1].trim();
window.localSdp = (name) => calls.get(name).call.rtcPeerConnection.localDescription.sdp;
window.addresses = () => client.user.addresses.map((each) => each.channels);

// The greatest amplitude of the far end's sound within `ms`.
window.peak = async (name, ms) => {
  const one = calls.get(name);
  if (!one.stream?.getAudioTracks().length) return 0;
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(new MediaStream(one.stream.getAudioTracks())).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let peak = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    analyser.getFloatTimeDomainData(samples);
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await context.close();
  return peak;
};

// What the far end's picture is like within `ms`: frames decoded, how its parts differ, how much it moves.
window.picture = async (name, ms) => {
  const { element } = calls.get(name);
  if (!element?.videoWidth) return { frames: 0, contrast: 0, movement: 0 };
  const paper = new OffscreenCanvas(32, 24).getContext('2d', { willReadFrequently: true });
  const count = () => element.getVideoPlaybackQuality().totalVideoFrames;
  const before = count();
  let last, contrast = 0, movement = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    paper.drawImage(element, 0, 0, 32, 24);
    const now = paper.getImageData(0, 0, 32, 24).data;
    contrast = Math.max(contrast, Math.max(...now.filter((_, i) => i % 4 === 1)) - Math.min(...now.filter((_, i) => i % 4 === 1)));
    if (last) for (let i = 1; i < now.length; i += 4) movement = Math.max(movement, Math.abs(now[i] - last[i]));
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return { frames: count() - before, contrast, movement };
};

// Chromium keeps its ICE credentials at a restart as long as it has a pool of candidates.
const Peer = window.RTCPeerConnection;
if (new URLSearchParams(location.search).has('nopool')) {
  window.RTCPeerConnection = class extends Peer {
    constructor(given = {}, ...more) { super({ ...given, iceCandidatePoolSize: 0 }, ...more); }
  };
}

// Forget the TCP connection under the SDK, as a lost network would.
const sockets = [];
const Native = window.WebSocket;
window.WebSocket = class extends Native {
  constructor(...given) { super(...given); sockets.push(this); }
};
window.drop = () => sockets.at(-1).close();
window.socketCount = () => sockets.length;
window.loaded = true;
