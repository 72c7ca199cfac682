// @ts-check
/**
 * What moves on a staff page: parts that refresh themselves, ages that count, exports with progress.
 *
 * A part (`data-live="?part" data-every="ms"`) is fetched as HTML the server escaped, and merged into the page element
 * by element: rows are known by their id, so focus, selection and scroll stay while 1,000 calls come and go.
 * Without this script every page still works; it only stands still.
 */

import { t } from '../words.js';

/** @param {Element} old @param {Element} fresh  `old` becomes like `fresh`, touching only what differs */
function merge(old, fresh) {
  if (old.isEqualNode(fresh) || old.hasAttribute('data-kept')) return;
  // What the viewer has opened stays open: the server knows nothing of it.
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !(name === 'open' && old.matches('details'))) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  mergeChildren(old, fresh);
}

/** @param {Element} old @param {Element} fresh */
function mergeChildren(old, fresh) {
  /** @type {Map<string, Element>} */
  const known = new Map();
  const staying = new Set([...fresh.children].map((child) => child.id));
  for (const child of [...old.children]) {
    if (!child.id) continue;
    // What is gone goes first: a row that stays is then never moved, and a moved row would lose the focus.
    if (staying.has(child.id)) known.set(child.id, child);
    else child.remove();
  }
  /** @type {ChildNode | null} */
  let here = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted instanceof Element && wanted.id ? known.get(wanted.id) : null;
    if (same) {
      while (here && here !== same && !(here instanceof Element && here.id)) {
        const next = here.nextSibling; // the space that a row which is gone left behind
        here.remove();
        here = next;
      }
      if (same === here) here = here.nextSibling;
      else old.insertBefore(same, here);
      merge(same, /** @type {Element} */ (wanted));
      continue;
    }
    const alike = here && here.nodeType === wanted.nodeType && here.nodeName === wanted.nodeName
      && !(here instanceof Element && here.id) && !(wanted instanceof Element && wanted.id);
    if (!alike || !here) {
      old.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    if (wanted instanceof Element) {
      // A field somebody is typing in stays theirs.
      if (!(wanted.matches('input, select, textarea') && here === document.activeElement)) merge(/** @type {Element} */ (here), wanted);
    } else if (here.nodeValue !== wanted.nodeValue) here.nodeValue = wanted.nodeValue;
    here = here.nextSibling;
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

/** @param {HTMLElement} part */
function follow(part) {
  const every = Number(part.dataset.every) || 3000;
  let failures = 0;
  let busy = false;
  let missed = false;
  const look = async () => {
    if (document.hidden || playing(part)) return again();
    busy = true;
    missed = false;
    try {
      const response = await fetch(part.dataset.live ?? '', { headers: { 'X-Part': '1' }, signal: AbortSignal.timeout(10000) });
      if (response.redirected) return location.reload(); // signed out meanwhile
      if (!response.ok) throw new Error(String(response.status));
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
      mergeChildren(part, fresh.body);
      count();
      failures = 0;
      part.dataset.fresh = String(Date.now());
    } catch {
      failures += 1;
    }
    busy = false;
    return again(missed ? CALM : undefined);
  };
  let timer = 0;
  let looked = Date.now();
  /** @param {number} [wait] ms */
  const again = (wait = every * (told.open ? RARER : 1) * Math.min(2 ** failures, 10)) => {
    clearTimeout(timer); // a look that a return to the tab began must not make a second round of looks
    looked = Date.now();
    timer = Number(setTimeout(look, wait));
  };
  again();
  document.addEventListener('visibilitychange', () => document.hidden || look());
  // The log grew: look now, yet not more often than a page of 1,000 calls can be read and merged.
  told.parts.push(() => {
    missed = true;
    if (busy) return;
    clearTimeout(timer);
    timer = Number(setTimeout(look, Math.max(0, looked + CALM - Date.now())));
  });
}

const CALM = 600; // ms between looks while events pour in
const SENDING = 3000; // ms in which a form's answer is waited for
const RARER = 5; // with a socket, looks without a reason are for what the log does not say
const told = { open: false, /** @type {(() => void)[]} */ parts: [] };

/** Opens the socket that says when the project's log grew; without it the parts look by themselves. */
function listen(wait = 1000) {
  const socket = new WebSocket(new URL('/dashboard/events', location.href).href.replace(/^http/, 'ws'));
  let first = true;
  socket.onopen = () => {
    told.open = true;
    wait = 1000;
  };
  socket.onmessage = () => {
    if (!first) for (const look of told.parts) look();
    first = false; // the first says where the log is: the page shows that already
  };
  socket.onclose = () => {
    told.open = false;
    setTimeout(() => listen(Math.min(wait * 2, 30000)), wait);
  };
}

/** The chosen speed of the recording beside it; before it plays, loading would set the speed back to the default one. */
document.addEventListener('change', ({ target }) => {
  if (!(target instanceof HTMLSelectElement) || !target.matches('[data-speed]')) return;
  const player = target.closest('.row')?.querySelector('audio');
  if (player) player.defaultPlaybackRate = player.playbackRate = Number(target.value);
});

/** A waveform is drawn by a script of its own, which few pages need. */
document.addEventListener('click', ({ target }) => {
  const box = target instanceof Element ? target.closest('[data-wave] > button')?.parentElement : null;
  if (box) import('./waveform.js').then(({ show }) => show(box)).catch((error) => alert(error.message));
});

/** @param {HTMLElement} part  someone listens to a recording in it */
const playing = (part) => [...part.querySelectorAll('audio')].some((player) => !player.paused);

function count() {
  for (const cell of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-since]'))) {
    const seconds = Math.max(0, Math.floor(Date.now() / 1000 - Number(cell.dataset.since)));
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    if (cell.textContent !== text) cell.textContent = text;
  }
}

/** @param {HTMLAnchorElement} link  downloads with progress; without a total it is an ordinary download */
async function exported(link) {
  const line = /** @type {HTMLElement} */ (document.getElementById('export-progress'));
  const bar = /** @type {HTMLProgressElement} */ (line.querySelector('progress'));
  const words = /** @type {HTMLElement} */ (line.querySelector('[role=status]'));
  line.hidden = false;
  const response = await fetch(link.href);
  const total = Number(response.headers.get('X-Total-Rows')) || 0;
  if (!response.ok || !response.body) return void (words.textContent = t('The export failed ({status})', { status: response.status }));
  const parts = [];
  let rows = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    for (const byte of part.value) if (byte === 10) rows += 1;
    bar.value = total ? Math.min(1, rows / total) : 1;
    words.textContent = t('{count} of {total} rows', { count: Math.min(rows, total), total });
  }
  const address = URL.createObjectURL(new Blob(parts, { type: response.headers.get('Content-Type') ?? '' }));
  const save = document.createElement('a');
  save.href = address;
  save.download = link.pathname.split('/').pop() ?? 'export';
  save.click();
  bar.value = 1;
  words.textContent = t('{total} rows saved', { total });
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  return undefined;
}

for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-live]'))) follow(part);
if (told.parts.length) listen();
/** A form that was just sent is not sent again by a second click. A way back to the page begins anew. */
const sent = new WeakMap();
document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const lately = Date.now() - (sent.get(form) ?? 0) < SENDING;
  if (lately) event.preventDefault();
  else sent.set(form, Date.now());
});
for (const select of document.querySelectorAll('[data-submit]')) {
  select.addEventListener('change', () => /** @type {HTMLSelectElement} */ (select).form?.submit());
}
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('[data-export]'))) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    exported(link).catch((error) => alert(error.message));
  });
}
/** A button that copies what is shown once. Browsers let a page copy only over https or on this machine. */
for (const shown of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-copy]'))) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'tiny copy';
  button.textContent = t('Copy');
  button.onclick = async () => {
    await navigator.clipboard.writeText((shown.textContent ?? '').trim());
    button.textContent = t('Copied');
  };
  shown.after(' ', button);
}
/** Tells the server the viewer's time zone; a page that was made for another one is asked for again, once. */
function zone() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone?.replace(/^Etc\/(UTC|UCT|GMT)$/, 'UTC');
  const shown = document.documentElement.dataset.zone;
  if (!own || !shown || own === shown) return;
  document.cookie = `callwright_zone=${encodeURIComponent(own)}; path=/dashboard; max-age=31536000; samesite=lax`;
  if (sessionStorage.getItem('zone') === own || document.querySelector('.note, form [aria-invalid]')) return;
  sessionStorage.setItem('zone', own); // where the cookie is refused: not again and again
  location.reload();
}

document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
zone();
setInterval(count, 1000);
count();
