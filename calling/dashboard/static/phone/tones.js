// @ts-check
/** What a phone sounds like beside its calls: ringback, ringtone, call waiting, busy. Made with WebAudio. */

/** @type {AudioContext | null} */
let context = null;

/** Each pattern: pairs of [frequencies in Hz, seconds on, seconds off], repeated; `volume` 0 to 1. */
const PATTERNS = {
  ringback: { steps: [[[425], 1, 4]], volume: 0.08 }, // ITU-T E.180, most of Europe
  ringtone: { steps: [[[660, 880], 0.22, 0.06], [[550, 740], 0.22, 0.06], [[660, 880], 0.22, 0.06], [[550, 740], 0.5, 1.8]], volume: 0.12 },
  waiting: { steps: [[[440], 0.15, 0.15], [[440], 0.15, 5]], volume: 0.06 },
  busy: { steps: [[[425], 0.5, 0.5]], volume: 0.08 },
};

const RINGS = ['ringtone', 'waiting'];
/** @type {HTMLAudioElement | null} through which the chosen device rings */
let bell = null;

/** Rings from now on at that speaker. Absent: where everything else is heard. @param {string} [speaker]  id of a device */
export async function ringAt(speaker) {
  bell?.pause();
  bell = null;
  if (!speaker) return;
  context ??= new AudioContext();
  const element = new Audio();
  await /** @type {any} */ (element).setSinkId?.(speaker);
  element.srcObject = new MediaStreamAudioDestinationNode(context).stream;
  bell = element;
}

/** Plays a pattern until the returned function is called, or for `seconds`. One period is a buffer that the audio
 * clock repeats: a tab in the background has hardly any timers.
 * @param {keyof typeof PATTERNS} name @param {number} [seconds] @returns {() => void} */
export function play(name, seconds = Infinity) {
  context ??= new AudioContext();
  context.resume().catch(() => {}); // silent until the page was touched; the pattern goes on meanwhile
  const source = new AudioBufferSourceNode(context, { buffer: period(context, PATTERNS[name]), loop: true });
  source.connect(RINGS.includes(name) ? bellOutput(context) : context.destination);
  source.start();
  if (seconds < Infinity) source.stop(context.currentTime + seconds);
  return () => source.disconnect();
}

/** @param {AudioContext} context @returns {AudioNode} what leads to the device that rings */
function bellOutput(context) {
  if (!bell) return context.destination;
  const out = new MediaStreamAudioDestinationNode(context);
  bell.srcObject = out.stream;
  bell.play().catch(() => {});
  return out;
}

/** @param {AudioContext} context @param {{steps: any[], volume: number}} pattern */
function period(context, { steps, volume }) {
  const rate = context.sampleRate;
  const length = steps.reduce((sum, [, on, off]) => sum + on + off, 0);
  const buffer = new AudioBuffer({ length: Math.round(length * rate), sampleRate: rate });
  const samples = buffer.getChannelData(0);
  let begins = 0;
  for (const [frequencies, on, off] of steps) {
    const first = Math.round(begins * rate);
    const count = Math.round(on * rate);
    for (let at = 0; at < count; at++) {
      const edge = Math.min(1, at / (0.005 * rate), (count - at) / (0.005 * rate)); // no click
      const sum = frequencies.reduce((total, hertz) => total + Math.sin(2 * Math.PI * hertz * at / rate), 0);
      samples[first + at] = volume * edge * sum;
    }
    begins += on + off;
  }
  return buffer;
}
