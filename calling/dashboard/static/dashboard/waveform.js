// @ts-check
/** The waveform of a recording: loaded when it is asked for, a slider for its player by mouse and by keyboard. */

import { t } from '../words.js';

const WIDE = 600;
const HIGH = 48; // of one channel
const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} name @param {Record<string, string | number>} given @param {Element} [parent] */
function made(name, given, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) element.setAttribute(key, String(value));
  parent?.append(element);
  return element;
}

/** @param {number[]} peaks @param {number} top */
function outline(peaks, top) {
  const step = WIDE / Math.max(1, peaks.length);
  // By square root: what is said softly stays in sight.
  return peaks.map((peak, at) => {
    const half = Math.max(0.5, (Math.sqrt(peak / 255) * HIGH) / 2 - 1);
    return `M${(at * step).toFixed(1)} ${(top + HIGH / 2 - half).toFixed(1)}h${Math.max(0.6, step * 0.8).toFixed(2)}v${(2 * half).toFixed(1)}h-${Math.max(0.6, step * 0.8).toFixed(2)}z`;
  }).join('');
}

/** @param {number} seconds */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** @param {HTMLElement} box  `data-wave` is where the peaks are, `data-length` the milliseconds */
export async function show(box) {
  const player = /** @type {HTMLAudioElement} */ (box.closest('.row')?.querySelector('audio'));
  const response = await fetch(box.dataset.wave ?? '');
  if (!response.ok || response.redirected) throw new Error(t('The waveform could not be loaded ({status}).', { status: response.status }));
  /** @type {{channels: number[][]}} */
  const { channels } = await response.json();
  const known = Number(box.dataset.length) / 1000;
  const length = () => (Number.isFinite(player.duration) && player.duration > 0 ? player.duration : known);

  const height = HIGH * channels.length;
  const slider = document.createElement('div');
  slider.className = 'wave-slider';
  slider.tabIndex = 0;
  slider.setAttribute('role', 'slider');
  slider.setAttribute('aria-label', box.dataset.label ?? '');
  slider.setAttribute('aria-valuemin', '0');
  const picture = made('svg', { viewBox: `0 0 ${WIDE} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  picture.classList.add(`channels-${channels.length}`);
  const id = `${box.id}-played`;
  const played = made('rect', { x: 0, y: 0, width: 0, height }, made('clipPath', { id }, picture));
  const path = channels.map((peaks, at) => outline(peaks, at * HIGH)).join('');
  made('path', { d: path, class: 'peaks' }, picture);
  made('path', { d: path, class: 'peaks done', 'clip-path': `url(#${id})` }, picture);
  const mark = made('path', { class: 'mark', d: `M0 0V${height}` }, picture);
  slider.append(picture);

  const draw = () => {
    const at = Math.min(player.currentTime, length());
    const x = length() ? (at / length()) * WIDE : 0;
    played.setAttribute('width', String(x));
    mark.setAttribute('d', `M${x.toFixed(1)} 0V${height}`);
    slider.setAttribute('aria-valuemax', length().toFixed(1));
    slider.setAttribute('aria-valuenow', at.toFixed(1));
    slider.setAttribute('aria-valuetext', `${clock(at)} / ${clock(length())}`);
  };
  /** @param {number} to seconds */
  const seek = (to) => {
    const place = Math.max(0, Math.min(to, length()));
    const go = () => {
      player.currentTime = place;
      draw();
    };
    if (player.readyState > 0) return go();
    player.addEventListener('loadedmetadata', go, { once: true });
    player.preload = 'metadata';
    return player.load();
  };
  slider.addEventListener('pointerdown', (event) => {
    const at = slider.getBoundingClientRect();
    seek(((event.clientX - at.left) / at.width) * length());
  });
  slider.addEventListener('keydown', (event) => {
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageUp: length() / 10, PageDown: -length() / 10,
      Home: -Infinity, End: Infinity };
    if (event.key === ' ') (player.paused ? player.play() : Promise.resolve(player.pause())).catch(() => {});
    else if (event.key in steps) seek(player.currentTime + steps[event.key]);
    else return;
    event.preventDefault();
  });
  for (const name of ['timeupdate', 'seeked', 'durationchange', 'ended']) player.addEventListener(name, draw);
  box.dataset.kept = ''; // a page that refreshes itself leaves it alone
  box.replaceChildren(slider);
  draw();
  slider.focus();
}
