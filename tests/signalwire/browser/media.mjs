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

// The strongest frequency of the far end's sound, in Hz; 0 for silence.
window.pitch = async (name) => {
  const one = calls.get(name);
  if (!one.stream?.getAudioTracks().length) return 0;
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(new MediaStream(one.stream.getAudioTracks())).connect(analyser);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  const hertz = levels[loudest] > -80 ? loudest * context.sampleRate / analyser.fftSize : 0;
  await context.close();
  return hertz;
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
