// What a page of an integrator would do with the SDK, with everything written down for the tests.
import * as sdk from '/bundle.js';
import { attach, calls } from '/media.mjs';
import { walkable } from '/walk.mjs';

const { SignalWire, StaticCredentialProvider, embeddableCall } = sdk;
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

// Messages and calls with an address, as they come; `fromAddress$` is asked for its name.
const talks = new Map();
window.talk = async (uri) => {
  const address = client.directory.get(await client.directory.findAddressIdByURI(uri));
  const talk = { address, texts: [], history: [] };
  talks.set(uri, talk);
  const named = (found) => Promise.all(found.map((each) => new Promise((resolve) => {
    each.fromAddress$?.subscribe((from) => resolve({ ...each, from: from.name, fromAddress$: null }));
  })));
  address.textMessages$.subscribe((list) => list.values$.subscribe(async (all) => { talk.texts = await named(all); }));
  address.history$.subscribe((list) => list.values$.subscribe(async (all) => { talk.history = await named(all); }));
};
// Dial an address of the directory that `talk` has looked up.
window.dialAddress = (uri, options) => window.dial(talks.get(uri).address, options);
window.say = async (uri, text) => talks.get(uri).address.sendText(text).then(() => null, (error) => String(error.message ?? error));
window.texts = (uri) => talks.get(uri).texts.map(({ text, from }) => [from, text]);
window.callsWith = (uri) => talks.get(uri).history.map(({ from, kind, status, started, ended }) => ({ from, kind, status, long: ended - started }));

// The SDK's objects by type, for `walk.mjs`.
walkable((name) => {
  const call = calls.get(name)?.call;
  const others = call?.participants.filter((each) => each.id !== call.self?.id) ?? [];
  return {
    SignalWire: client, ClientSession: client.session, Directory: client.directory, User: client.user,
    Address: [...talks.values()][0]?.address, // the SDK lists in `addresses` only what it loaded by pages
    ClientPreferences: client.preferences, Call: call, SelfParticipant: call?.self, Participant: others[0],
    SelfCapabilities: call?.self?.capabilities, exports: sdk,
  };
});

// Chromium keeps its ICE credentials at a restart as long as it has a pool of candidates.
const Peer = window.RTCPeerConnection;
if (new URLSearchParams(location.search).has('nopool')) {
  window.RTCPeerConnection = class extends Peer {
    constructor(given = {}, ...more) { super({ ...given, iceCandidatePoolSize: 0 }, ...more); }
  };
}

window.loaded = true;
