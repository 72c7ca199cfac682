// @ts-check
/** Twelve keys, by pointer or by keyboard. */

import { make } from './elements.js';

/** @param {string} label @param {(digit: string) => void} press  one of 0-9 * # */
export function keypad(label, press) {
  const keys = [...'123456789*0#'].map((digit) =>
    make('button', { type: 'button', on: { click: () => press(digit) } }, digit));
  const pad = make('div', { className: 'pad', role: 'group', 'aria-label': label }, ...keys);
  pad.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (/^[0-9*#]$/.test(event.key)) press(event.key);
  });
  return pad;
}
