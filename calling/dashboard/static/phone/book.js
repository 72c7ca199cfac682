// @ts-check
/** The address book: what the directory lets this token see, filtered as one types. */

import { icon, make } from './elements.js';

const PAGES = 10; // of 200: a book longer than that is searched by typing its address

/** @param {string} token @returns {Promise<any[]>} */
export async function addresses(token) {
  const all = [];
  let next = '/api/fabric/addresses?page_size=200';
  for (let page = 0; next && page < PAGES; page += 1) {
    const url = new URL(next, location.href);
    // Links may name the platform by another of its names; the page talks to the one it came from.
    const response = await fetch(url.pathname + url.search, { headers: { Authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`the directory answered ${response.status}`);
    const { data, links } = await response.json();
    all.push(...data);
    next = links?.next ?? '';
  }
  return all;
}

/** @param {any} entry  an Address @returns {string} what one dials for it */
const dialled = (entry) => (entry.channels?.audio ?? entry.channels?.video ?? entry.name ?? '').split('?')[0];

/** Fills the list and the suggestions; again at each keystroke in `search`.
 * @param {any[]} all @param {any} list @param {any} suggestions @param {any} search @param {(to: string, video: boolean) => void} dial */
export function fill(all, list, suggestions, search, dial) {
  suggestions.replaceChildren(...all.slice(0, 500).map((entry) => make('option', { value: dialled(entry) })));
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = all.filter((entry) => `${entry.display_name} ${dialled(entry)}`.toLowerCase().includes(wanted)).slice(0, 100);
    list.replaceChildren(...found.map((entry) => {
      const name = entry.display_name || entry.name;
      /** @param {boolean} video */
      const call = (video) => make('button', { type: 'button', className: 'tiny', on: { click: () => dial(dialled(entry), video) },
        'aria-label': `${video ? 'Video call' : 'Call'} ${name}`, title: video ? 'Video call' : 'Call' }, icon(video ? 'camera' : 'call'));
      return make('li', {}, make('span', { className: 'name' }, name, make('br'), make('span', { className: 'small quiet' }, dialled(entry))),
        call(false), ...(entry.channels?.video ? [call(true)] : []));
    }));
    if (!found.length) list.append(make('li', { className: 'quiet' }, wanted ? 'Nobody by that name' : 'Nobody here yet'));
  };
  search.oninput = draw;
  draw();
}
