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

window.register = async () => { await client.register().catch(() => {}); return client.isRegistered; };

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
  id: each.id, name: each.name, muted: each.audioMuted, talking: each.isTalking, type: each.type,
  videoMuted: each.videoMuted, deaf: each.deaf, raised: each.handraised, input: each.inputVolume,
  output: each.outputVolume, sensitivity: each.inputSensitivity, echo: each.echoCancellation,
  gain: each.autoGain, noise: each.noiseSuppression, address: each.addressId,
}));
// What is true of the call as a whole.
window.facts = (name) => {
  const { call } = calls.get(name);
  const { locked, recording, streaming, capabilities, meta, layouts, layout, userVariables, fromName } = call;
  return { locked, recording, streaming, capabilities, meta, layouts, layout, userVariables, fromName };
};
// A verb on another participant (`mute`, `remove` …), on one's own (`self`), or on the call (`toggleLock`);
// what went wrong, if anything.
window.rule = async (name, who, verb, ...given) => {
  const { call } = calls.get(name);
  const found = who === 'self' ? call.self : call.participants.find((each) => each.name === who);
  try {
    await (who ? found : call)[verb](...given);
    return null;
  } catch (error) {
    return String(error.message ?? error);
  }
};
window.restartIce = (name) => calls.get(name).call.requestIceRestart();
window.ufrag = (name) => calls.get(name).call.rtcPeerConnection.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1].trim();
window.localSdp = (name) => calls.get(name).call.rtcPeerConnection.localDescription.sdp;
// The MIME type of the sound that comes in.
window.codec = async (name) => {
  const stats = await calls.get(name).call.rtcPeerConnection.getStats();
  const found = [...stats.values()].find((each) => each.type === 'inbound-rtp' && each.kind === 'audio' && each.codecId);
  return found ? stats.get(found.codecId).mimeType : null;
};
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

// The mean colour of the far end's picture, [red, green, blue].
window.colour = (name) => {
  const { element } = calls.get(name);
  if (!element?.videoWidth) return [0, 0, 0];
  const paper = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
  paper.drawImage(element, 0, 0, 8, 8);
  const { data } = paper.getImageData(0, 0, 8, 8);
  return [0, 1, 2].map((at) => data.filter((_, i) => i % 4 === at).reduce((sum, one) => sum + one, 0) / 64);
};

// A headless browser has no screen: what is shared is a red picture with a moving bar.
navigator.mediaDevices.getDisplayMedia = async () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [320, 240];
  const paper = canvas.getContext('2d');
  let at = 0;
  setInterval(() => {
    paper.fillStyle = 'rgb(255,0,0)';
    paper.fillRect(0, 0, 320, 240);
    paper.fillStyle = 'rgb(160,0,0)';
    paper.fillRect(at = (at + 8) % 320, 0, 8, 240);
  }, 66);
  return canvas.captureStream(15);
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
