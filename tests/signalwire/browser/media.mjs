// What a page hears and sees of its calls, measured, and its sockets; the same for every version of the SDK.
export const calls = new Map();

export function attach(one, stream) {
  if (one.stream === stream) return;
  one.stream = stream;
  one.element = document.createElement('video');
  one.element.muted = true;
  one.element.autoplay = true;
  one.element.srcObject = stream;
  document.body.append(one.element);
}

// One ear per call: a context of its own for each look would be silent until the machine has opened it.
async function ear(name) {
  const one = calls.get(name);
  const tracks = one.stream?.getAudioTracks() ?? [];
  const heard = tracks.map(({ id }) => id).join();
  if (one.ear && one.ear.heard !== heard) {
    await one.ear.context.close();
    one.ear = null;
  }
  if (!tracks.length) return null;
  if (!one.ear) {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 32768; // as long as it can be: no moment is missed between two looks
    analyser.smoothingTimeConstant = 0; // only what is heard now
    context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
    one.ear = { context, analyser, heard };
    await context.resume();
  }
  return one.ear;
}

// Waits until the ear has taken in `ms` of sound by its own clock, which stands still on a busy machine.
async function listen({ context }, ms) {
  const until = context.currentTime + ms / 1000;
  for (const end = performance.now() + 5000; context.currentTime < until && performance.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

// The greatest amplitude of the far end's sound within `ms`, at most 650.
window.peak = async (name, ms) => {
  const found = await ear(name);
  if (!found) return 0;
  await listen(found, ms);
  const samples = new Float32Array(found.analyser.fftSize);
  found.analyser.getFloatTimeDomainData(samples);
  const last = Math.min(samples.length, Math.round(ms / 1000 * found.context.sampleRate));
  return samples.slice(-last).reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
};

// The strongest frequency of the far end's sound, in Hz; 0 for silence.
window.pitch = async (name) => {
  const found = await ear(name);
  if (!found) return 0;
  await listen(found, 650);
  const levels = new Float32Array(found.analyser.frequencyBinCount);
  found.analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  return levels[loudest] > -80 ? loudest * found.context.sampleRate / found.analyser.fftSize : 0;
};

// What the browser counts of what its connections got.
const peers = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  constructor(...given) { super(...given); peers.push(this); }
};
window.counted = async () => {
  const names = ['kind', 'mid', 'ssrc', 'packetsReceived', 'packetsSent', 'concealedSamples', 'totalAudioEnergy', 'framesDecoded'];
  const found = await Promise.all(peers.map(async (peer) => [peer.connectionState, peer.signalingState,
    peer.getTransceivers().map((one) => [one.mid, one.receiver.track.kind, one.currentDirection, one.receiver.track.muted]),
    ...[...(await peer.getStats()).values()].filter((one) => /^(in|out)bound-rtp$/.test(one.type))
      .map((one) => names.map((each) => one[each])),
    ...[...(await peer.getStats()).values()].filter((one) => one.type === 'transport')
      .map((one) => [one.packetsSent, one.packetsReceived, one.dtlsState, one.srtpCipher, one.selectedCandidatePairChanges])]));
  return JSON.stringify(found);
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

// Forget the TCP connection under the SDK, as a lost network would.
const sockets = [];
const Native = window.WebSocket;
window.WebSocket = class extends Native {
  constructor(...given) { super(...given); sockets.push(this); }
};
window.drop = () => sockets.at(-1).close();
window.socketCount = () => sockets.length;

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
