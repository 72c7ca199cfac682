/* What every driver shares: one JSON object per line in and out, a tone to send, and what is heard.
 * In: {do: 'offer' | 'accept' | 'heard' | 'quit', sdp?}. Out, one for each: {sdp} | {} | {heard: Hz or 0} | {error}. */
import { createInterface } from 'node:readline';

/** @param {{offer: () => Promise<string>, accept: (sdp: string) => Promise<void>, heard: () => number}} device */
export function serve(device) {
  const work = {
    offer: async () => ({ sdp: await device.offer() }),
    accept: async ({ sdp }) => (await device.accept(sdp), {}),
    heard: async () => ({ heard: device.heard() }),
    quit: async () => process.exit(0),
  };
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  createInterface({ input: process.stdin }).on('line', (line) => {
    const asked = JSON.parse(line);
    work[asked.do](asked).then(say, (error) => say({ error: String(error?.stack ?? error) }));
  }).on('close', () => process.exit(0));
}

/** Samples (16 bit) of a sine that goes on from call to call. */
export function tone(hertz, rate) {
  let at = 0;
  return (count) => Int16Array.from({ length: count }, () => 9000 * Math.sin(2 * Math.PI * hertz * at++ / rate));
}

/** Calls `act` `every` ms on average, however late single timers are. */
export function steadily(every, act) {
  const begun = performance.now();
  let done = 0;
  setInterval(() => {
    while (begun + done * every <= performance.now()) (act(), done++);
  }, every / 2);
}

/** The newest half second of sound. */
export class Ear {
  samples = [];
  last = 0;

  hear(samples, rate) {
    this.rate = rate;
    this.last = performance.now();
    for (const sample of samples) this.samples.push(sample);
    if (this.samples.length > rate / 2) this.samples.splice(0, this.samples.length - rate / 2);
  }

  /** Half the zero crossings per second; 0 for silence, or where nothing has come for a while. */
  frequency() {
    const { samples, rate } = this;
    if (performance.now() - this.last > 500 || samples.length < rate / 4) return 0;
    const loud = Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
    if (loud < 300) return 0;
    let crossings = 0;
    for (let i = 1; i < samples.length; i++) if ((samples[i - 1] < 0) !== (samples[i] < 0)) crossings++;
    return crossings * rate / 2 / samples.length;
  }
}

/** ITU-T G.711 mu-law. */
export function encode(samples) {
  return Buffer.from(Array.from(samples, (sample) => {
    const sign = sample < 0 ? 0x80 : 0;
    const level = Math.min(Math.abs(sample), 32635) + 132;
    const exponent = Math.max(0, Math.floor(Math.log2(level)) - 7);
    return ~(sign | (exponent << 4) | ((level >> (exponent + 3)) & 15)) & 255;
  }));
}

export function decode(bytes) {
  return Array.from(bytes, (byte) => {
    const code = ~byte & 255;
    const level = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
    return code & 128 ? -level : level;
  });
}
