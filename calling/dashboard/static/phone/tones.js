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

/** Plays a pattern until the returned function is called, or for `seconds`.
 * @param {keyof typeof PATTERNS} name @param {number} [seconds] @returns {() => void} */
export function play(name, seconds = Infinity) {
  context ??= new AudioContext();
  context.resume().catch(() => {}); // silent until the page was touched; the pattern goes on meanwhile
  const { steps, volume } = PATTERNS[name];
  const gain = new GainNode(context, { gain: volume });
  gain.connect(context.destination);
  const ends = performance.now() + seconds * 1000;
  let step = 0;
  let timer = 0;
  const next = () => {
    if (!context || performance.now() >= ends) return stop();
    const [frequencies, on, off] = /** @type {[number[], number, number]} */ (steps[step % steps.length]);
    step += 1;
    for (const frequency of frequencies) {
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(gain);
      tone.start();
      tone.stop(context.currentTime + on);
    }
    timer = Number(setTimeout(next, (on + off) * 1000));
    return undefined;
  };
  const stop = () => {
    clearTimeout(timer);
    gain.disconnect();
  };
  next();
  return stop;
}
