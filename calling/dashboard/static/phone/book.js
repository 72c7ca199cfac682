// @ts-check
/** The address book: what the directory lets this token see, with presence, filtered as one types; and dialling by name. */

import { icon, make } from './elements.js';
import { locale, t } from '../words.js';

const PAGES = 10; // of 200: a book longer than that is searched by typing its address

/** What is dialled as it was typed. */
const ADDRESS = /^(\/|\+|sips?:|[0-9*#]+$)/i;

/** What a user reads for the presence of an address. @type {Record<string, string>} */
const PRESENCE = { available: t('Available'), busy: t('On a call'), dnd: t('Do not disturb'), offline: t('Offline') };

/** @param {string} token @returns {Promise<any[]>} */
export async function addresses(token) {
  const all = [];
  let next = '/api/fabric/addresses?page_size=200';
  for (let page = 0; next && page < PAGES; page += 1) {
    const url = new URL(next, location.href);
    // Links may name the platform by another of its names; the page talks to the one it came from.
    const response = await fetch(url.pathname + url.search, { headers: { Authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(t('the address book could not be loaded ({status})', { status: response.status }));
    const { data, links } = await response.json();
    all.push(...data);
    next = links?.next ?? '';
  }
  return all;
}

/** @param {any} entry  an Address @returns {string} what one dials for it */
const dialled = (entry) => (entry.channels?.audio ?? entry.channels?.video ?? entry.name ?? '').split('?')[0];

/** @param {any} entry @returns {string} */
const shownName = (entry) => String(entry.display_name || entry.name || dialled(entry));

/** One phone's book. */
export class Book {
  /** @type {any[]} */ #all = [];
  /** @type {() => void} */ #draw = () => {};

  /** @param {any} list @param {any} suggestions @param {any} search @param {(to: string, video: boolean) => void} dial */
  constructor(list, suggestions, search, dial) {
    this.list = list;
    this.suggestions = suggestions;
    this.search = search;
    this.dial = dial;
  }

  /** Puts these addresses into the list and the suggestions. @param {any[]} all @param {string[]} own  addresses of this phone */
  fill(all, own) {
    this.#all = all.filter((entry) => !own.includes(dialled(entry)))
      .sort((one, other) => shownName(one).localeCompare(shownName(other), locale, { numeric: true }));
    this.suggestions.replaceChildren(...this.#all.slice(0, 500).map((entry) =>
      make('option', { value: dialled(entry), label: entry.display_name || entry.name })));
    this.#draw = () => this.draw();
    this.search.oninput = this.#draw;
    this.draw();
  }

  draw() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.#all.filter((entry) => `${entry.display_name} ${dialled(entry)}`.toLowerCase().includes(wanted)).slice(0, 100);
    const inside = this.list.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
    this.list.replaceChildren(...found.map((entry) => this.#row(entry)));
    if (!found.length) this.list.append(make('li', { className: 'quiet' }, wanted ? t('No name or address matches') : t('Nobody here yet')));
    if (inside) this.list.querySelector(`[aria-label="${CSS.escape(inside)}"]`)?.focus();
  }

  /** @param {any} entry */
  #row(entry) {
    const name = entry.display_name || entry.name;
    /** @param {boolean} video */
    const call = (video) => make('button', { type: 'button', className: 'tiny', on: { click: () => this.dial(dialled(entry), video) },
      'aria-label': video ? t('Video call {name}', { name }) : t('Call {name}', { name }), title: video ? t('Video call') : t('Call') }, icon(video ? 'camera' : 'call'));
    const presence = PRESENCE[entry.presence];
    const line = make('span', { className: 'small quiet' }, ...(presence ? [make('span', { className: 'presence', data: { presence: entry.presence } }, presence), ' · '] : []), dialled(entry));
    return make('li', {}, make('span', { className: 'name' }, make('bdi', {}, name), make('br'), line), call(false), ...(entry.channels?.video ? [call(true)] : []));
  }

  /** @param {string} address @returns {string} the name it has here, or nothing */
  nameOf(address) {
    const entry = this.#all.find((each) => dialled(each) === address);
    return entry ? entry.display_name || entry.name : '';
  }

  /** Whether it is a room. @param {string} address */
  isRoom(address) {
    return this.#all.find((each) => dialled(each) === address)?.type === 'room';
  }

  /** Whether it needs no name of the book, or is one, or a part of one. @param {string} text */
  knows(text) {
    const wanted = text.toLowerCase();
    return ADDRESS.test(text) || this.#all.some((entry) => [entry.display_name, entry.name].some((name) => name?.toLowerCase().includes(wanted)));
  }

  /** What to dial for what somebody typed: a name, or the only one that begins so, becomes its address. Throws where
   * several people have it. @param {string} text @returns {string} */
  find(text) {
    if (ADDRESS.test(text)) return text;
    const wanted = text.toLowerCase();
    /** @param {(name: string) => boolean} fits */
    const those = (fits) => [...new Set(this.#all.filter((entry) => [entry.display_name, entry.name].some((name) => name && fits(name.toLowerCase()))).map(dialled))];
    for (const found of [those((name) => name === wanted), those((name) => name.startsWith(wanted)), those((name) => name.includes(wanted))]) {
      if (found.length === 1) return found[0];
      if (found.length) throw new Error(t('“{text}” could be {names}. Type more of the name.', { text, names: found.slice(0, 4).map((each) => this.nameOf(each)).join(', ') }));
    }
    throw new Error(t('Nobody in the address book is called “{text}”. Type a name, an extension, a number with +, or an address.', { text }));
  }
}
