// @ts-check
/** The calls of this phone's owner: made, received and missed, as the platform keeps them. A click calls back. */

import { byId, icon, make, say } from './elements.js';
import { missedAreSeen } from './notices.js';
import { locale, t } from '../words.js';

const SHOWN = 30;
const SEEN_MS = 3000; // a missed call that was on the screen for so long has been seen

/** @param {number} ms */
const length = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;

/** @param {string} iso  today the time alone, else the day too; in the browser's own zone */
function when(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(locale, { ...(today ? {} : { day: 'numeric', month: 'short' }), hour: '2-digit', minute: '2-digit' });
}

/** Reads and shows the history; returns what reads it again.
 * @param {() => string} token @param {(to: string, video: boolean) => void} dial @param {(address: string) => string} nameOf
 * @param {Record<string, string>} words  for ends */
export function callHistory(token, dial, nameOf, words) {
  const list = byId('log');
  let timer = 0;
  let unseen = 0;

  /** @param {string} path @param {string} [method] */
  async function ask(path, method = 'GET') {
    const response = await fetch(path, { method, headers: { Authorization: `Bearer ${token()}`,
      ...(method === 'POST' ? { 'Content-Type': 'application/json' } : {}) }, ...(method === 'POST' ? { body: '{}' } : {}) });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  /** @param {any} entry */
  function row(entry) {
    const out = entry.direction === 'outbound';
    const address = out ? entry.to : entry.from;
    const name = (out ? entry.to_name : entry.from_name) || nameOf(address) || address || t('Unknown caller');
    const what = entry.missed ? t('Missed') : entry.answered_at ? length(entry.duration_ms)
      : entry.ended_at ? words[entry.end_reason] ?? entry.end_reason : t('Now');
    const label = entry.missed ? t('Missed call from') : out ? t('Call to') : t('Call from');
    const inside = [icon(entry.missed ? 'missed' : out ? 'outbound' : 'inbound'),
      make('span', { className: 'name' }, make('span', { className: 'unseen' }, `${label} `), make('bdi', {}, name), ...(address && address !== name ? [make('br'), make('span', { className: 'small quiet' }, address)] : [])),
      make('span', { className: 'small quiet when' }, what, make('br'), when(entry.created_at),
        make('span', { className: 'unseen' }, ` ${words[entry.end_reason] ?? ''}${address ? `. ${t('Call back.')}` : ''}`))];
    const shown = address ? make('button', { type: 'button', className: 'plain entry', title: t('Call {name}', { name }),
      on: { click: () => dial(address, false) } }, ...inside) : make('span', { className: 'entry' }, ...inside);
    return make('li', { className: entry.missed ? 'missed' : '' }, shown);
  }

  async function read() {
    let entries;
    try {
      entries = (await ask(`/api/history?page_size=${SHOWN}`)).data;
    } catch {
      return; // what this page saw by itself stays
    }
    list.replaceChildren(...entries.map(row));
    byId('log-empty').hidden = entries.length > 0;
    unseen = entries.filter((/** @type {any} */ each) => each.missed && !each.seen).length;
    count();
    clearTimeout(timer);
    if (unseen) timer = Number(setTimeout(look, SEEN_MS));
    else if (!document.hidden) missedAreSeen(); // perhaps on another device
  }

  function count() {
    const badge = byId('missed');
    badge.hidden = !unseen;
    say(badge, unseen ? t('{count} missed', { count: unseen }) : '');
  }

  async function look() {
    if (document.hidden || !unseen) return;
    await ask('/api/history/seen', 'POST').then(() => ((unseen = 0), count(), missedAreSeen())).catch(() => {});
  }

  document.addEventListener('visibilitychange', () => {
    if (document.hidden || !unseen) return;
    clearTimeout(timer);
    timer = Number(setTimeout(look, SEEN_MS));
  });
  return read;
}
