// @ts-check
/** How loud one's own microphone is in a call, and a word where nothing comes from it. Nothing of the sound is kept or sent. */

import { icon, make, say } from './elements.js';
import { t } from '../words.js';

const EVERY_MS = 100;
const FALLS = 0.7; // of the shown level per step: a word is seen, not each of its syllables
const FLOOR_DB = -60; // of full scale; quieter is silence
const SILENT_MS = 8000;

/** @param {Float32Array} samples @returns {number} 0 to 1, linear in decibels */
export function loudness(samples) {
  let sum = 0;
  for (const each of samples) sum += each * each;
  const db = 10 * Math.log10(sum / samples.length || 1e-12);
  return Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
}

/** @param {import('../callwright.js').Call} call @returns {any} an element that shows itself while a microphone is in the call */
export function microphone(call) {
  const bar = make('meter', { min: 0, max: 1, value: 0, 'aria-label': t('Your microphone') });
  const words = make('span', { className: 'small quiet', role: 'status' });
  const element = make('span', { className: 'level', hidden: true }, icon('mic'), bar, words);
  /** @type {AudioContext | null} */ let context = null;
  /** @type {AnalyserNode | null} */ let reader = null;
  /** @type {MediaStreamTrack | null} */ let heard = null;
  let shown = 0, loudAt = Date.now();
  const samples = new Float32Array(1024);

  /** Reads what the call sends now: another microphone may have been chosen meanwhile. */
  function follow() {
    const track = call.localStream?.getAudioTracks()[0] ?? null;
    if (track === heard) return;
    heard = track;
    reader?.disconnect();
    reader = null;
    if (!track) return;
    context ??= new AudioContext();
    reader = new AnalyserNode(context, { fftSize: samples.length });
    new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) }).connect(reader);
    loudAt = Date.now();
  }

  const timer = setInterval(() => {
    follow();
    element.hidden = !reader || !call.answeredAt;
    if (element.hidden || !reader || document.hidden) return;
    if (context?.state === 'suspended') context.resume().catch(() => {});
    reader.getFloatTimeDomainData(samples);
    const quiet = call.isMuted || call.state !== 'active';
    const now = quiet ? 0 : loudness(samples);
    shown = Math.max(now, shown * FALLS);
    bar.value = shown;
    if (now > 0.05 || quiet || context?.state !== 'running') loudAt = Date.now();
    say(words, call.isMuted ? t('Muted') : Date.now() - loudAt > SILENT_MS ? t('No sound from your microphone: look at Devices') : '');
  }, EVERY_MS);
  call.on('ended', () => {
    clearInterval(timer);
    context?.close().catch(() => {});
  });
  return element;
}
