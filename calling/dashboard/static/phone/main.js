// @ts-check
/** The browser phone: a subscriber's token in, calls out and in. Calls themselves are `callwright.js`. */

import { Phone } from '../callwright.js';
import { Book, addresses } from './book.js';
import { caller } from './caller.js';
import { WORDS, card, party } from './card.js';
import { deviceChoice } from './devices.js';
import { byId, icon, make, say } from './elements.js';
import { callHistory } from './history.js';
import { keypad } from './keypad.js';
import { noticeChoice, notify } from './notices.js';
import { pushChoice } from './push.js';
import { cause as causeWords, refusal } from './refusals.js';
import { play } from './tones.js';
import { locale, t } from '../words.js';

/** @typedef {import('../callwright.js').Call} Call */

const KEPT = 'callwright.token';
const REFRESH = 'callwright.refresh';
const BOOK_MS = 20000; // between looks at who is online

/**
 * The fragment never reaches a server; it is taken out of the address bar and kept for this tab alone. Whoever made
 * the link may be anybody: over a token that this tab has, the person decides. With `refresh` the phone renews its
 * token by itself for as long as the tab lives.
 */
async function givenToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get('token');
  if (token) history.replaceState(null, '', location.pathname);
  const kept = sessionStorage.getItem(KEPT);
  const taken = token && (!kept || kept === token || await replaces()) ? token : null;
  if (taken) keep(taken, given.get('refresh') ?? (kept === taken ? undefined : ''));
  if (given.get('to') && (taken || !token)) byId('destination').value = given.get('to');
  return taken ?? kept;
}

/** In this tab's storage. @param {string} token @param {string} [refreshToken]  absent: as it was; empty: none */
function keep(token, refreshToken) {
  sessionStorage.setItem(KEPT, token);
  if (refreshToken) sessionStorage.setItem(REFRESH, refreshToken);
  else if (refreshToken === '') sessionStorage.removeItem(REFRESH);
}

/** Whether the person lets a link take this tab's phone over. Esc and Enter keep it. */
function replaces() {
  const dialog = /** @type {HTMLDialogElement} */ (byId('replace'));
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener('close', () => done(dialog.returnValue === 'replace'), { once: true }));
}

/** @param {string} text @param {boolean} [bad] */
function announce(text, bad = false) {
  const line = byId('announce');
  line.className = bad ? 'note bad' : 'note';
  line.hidden = false;
  say(line, text);
  clearTimeout(Number(line.dataset.timer));
  line.dataset.timer = String(setTimeout(() => (line.hidden = true), bad ? 9000 : 5000));
}

/** Says on the entry page why there is no phone. @param {string} text */
function refuse(text) {
  byId('entry-why').hidden = false;
  say(byId('entry-why'), text);
}

/** What was pasted: a token, or the JSON answer that contains it. Terminals break long lines.
 * @param {string} text @returns {{token: string, refreshToken: string}} */
function pasted(text) {
  const whole = text.replace(/\s*[\r\n]+\s*/g, '').trim();
  if (!/^[{"]/.test(whole)) return { token: whole, refreshToken: '' };
  try {
    const read = JSON.parse(whole);
    const { token, refresh_token: refreshToken } = typeof read === 'string' ? { token: read, refresh_token: '' } : read;
    if (token && typeof token === 'string') return { token, refreshToken: typeof refreshToken === 'string' ? refreshToken : '' };
  } catch { /* below */ }
  return { token: '', refreshToken: '' };
}

/** @param {string} token */
function start(token) {
  const phone = new Phone({ token, refreshToken: sessionStorage.getItem(REFRESH) ?? undefined });
  /** @type {Map<Call, () => void>} what sounds for a call */ const tones = new Map();
  /** @type {Map<Call, HTMLElement>} */ const cards = new Map();
  /** @type {Set<Call>} that go on in another one */ const merged = new Set();
  /** @type {Call[]} ringing here and not yet decided */ const ringing = [];
  byId('entry-page').hidden = true;
  byId('phone').hidden = false;

  /** @param {Call} call @param {(() => void) | null} stop */
  const sound = (call, stop) => {
    tones.get(call)?.();
    if (stop) tones.set(call, stop);
    else tones.delete(call);
  };
  /** @param {string} state @param {string} text */
  const line = (state, text) => {
    byId('line').dataset.state = state;
    say(byId('line'), text);
    byId('offline').hidden = state !== 'lost';
    name();
  };

  const bearer = () => String(phone.token);
  /** @type {string[]} */ let own = [];
  const book = new Book(byId('book'), byId('addresses'), byId('search'), dial);
  /** @param {string} address */
  const nameOf = (address) => own.includes(address) ? phone.subscriber?.display_name ?? '' : book.nameOf(address);
  /** Who is at the other end, as the card says. @param {Call} call */
  const named = (call) => (call.direction === 'inbound' ? call.fromName || nameOf(call.from) : call.toName || nameOf(call.to)) || party(call);
  const directory = { find: (/** @type {string} */ text) => book.find(text), nameOf, token: bearer,
    isRoom: (/** @type {string} */ address) => book.isRoom(address) };
  const remember = callHistory(bearer, dial, nameOf, WORDS);

  /** Reads the address book, with everybody's presence. */
  async function readBook() {
    if (document.hidden || !phone.ready) return;
    try {
      book.fill(await addresses(bearer()), own);
    } catch (error) {
      if (!byId('book').childElementCount) byId('book').replaceChildren(make('li', { className: 'quiet' }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** Puts a call on the page. @param {Call} call */
  function take(call) {
    const shown = card(call, announce, take, swappable, directory);
    cards.set(call, shown);
    byId('calls').append(shown);
    call.on('ringing', () => sound(call, play('ringback')));
    call.on('answered', () => sound(call, null));
    call.on('ended', (reason, cause) => {
      sound(call, null);
      cards.delete(call);
      if (call.direction === 'outbound' && ['busy', 'failed', 'no-answer', 'rejected'].includes(reason)) play('busy', 2);
      record(call, reason, cause);
    });
    swappable();
  }

  function swappable() {
    const talking = phone.activeCalls.filter((call) => call.answeredAt);
    byId('swap').hidden = byId('merge').hidden = !(talking.length === 2 && talking.some((call) => call.state === 'active')
      && talking.some((call) => call.heldBy === 'local'));
    const active = talking.find((call) => call.state === 'active');
    say(byId('keypad-for'), active ? t('Keypad: digits go to {name}', { name: named(active) }) : t('Keypad'));
    byId('no-calls').hidden = phone.activeCalls.length > 0 || byId('calls').childElementCount > 0;
    name();
  }

  /** What the tab is called: the most urgent thing there is to say. */
  function name() {
    const talks = phone.activeCalls.some((call) => call.answeredAt);
    document.title = ringing.length ? t('{name} is calling', { name: party(ringing[0]) })
      : byId('offline').hidden ? (talks ? t('On a call · Phone') : t('Phone')) : t('Offline · Phone');
  }

  /** @param {Call} call @param {string} reason @param {string} cause */
  function record(call, reason, cause) {
    const missed = call.direction === 'inbound' && !call.answeredAt && ['cancelled', 'no-answer'].includes(reason) && cause !== 'answered_elsewhere';
    const word = missed ? t('Missed') : merged.has(call) && reason === 'transferred' ? t('Merged') : WORDS[reason] ?? reason;
    const why = cause && cause !== 'normal' ? ` (${causeWords(cause)})` : '';
    announce(missed ? t('Missed call from {name}', { name: named(call) })
      : `${named(call)}: ${word.charAt(0).toLowerCase()}${word.slice(1)}${why}`, reason === 'failed');
    const address = call.direction === 'inbound' ? call.from : call.to;
    const when = new Date().toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });
    byId('log').prepend(make('li', {}, make('span', { className: 'entry' }, icon(call.direction), make('span', { className: 'name' },
      make('bdi', {}, named(call)), ...(address && address !== named(call) ? [make('br'), make('span', { className: 'small quiet' }, address)] : [])),
      make('span', { className: 'small quiet when' }, word, make('br'), when))));
    byId('log-empty').hidden = true;
    swappable();
    setTimeout(remember, 700); // what the platform keeps of it takes this row's place
  }

  /** @param {string} to @param {boolean} video */
  async function dial(to, video) {
    if (!to) return byId('destination').focus();
    try {
      if (!book.knows(to)) await readBook(); // somebody may have joined since it was read
      to = book.find(to);
    } catch (error) {
      return announce(/** @type {Error} */ (error).message, true);
    }
    byId('announce').hidden = true;
    const receiveVideo = video || byId('receive-video').checked;
    try {
      for (const call of phone.activeCalls) if (call.state === 'active') call.hold();
      line('ready', t('Calling …'));
      take(await phone.call(to, { audio: byId('send-audio').checked, video, receiveVideo, simulcast: book.isRoom(to.split('?')[0]) }));
    } catch (error) {
      const { code, name } = /** @type {any} */ (error);
      announce(name === 'NotAllowedError' ? t('The browser does not let this page use the microphone or camera')
        : `${to}: ${code === 'address_not_allowed' ? t('this phone may not call it') : refusal(error)}`, true);
    } finally {
      line(phone.ready ? 'ready' : 'lost', phone.ready ? t('Online') : t('Reconnecting …'));
    }
    return undefined;
  }

  // --- ringing --------------------------------------------------------------------------------------------------

  const dialog = byId('ringing');
  function ring() {
    const call = ringing[0];
    if (!call) return dialog.open ? dialog.close() : swappable();
    const talking = phone.activeCalls.some((one) => one.answeredAt);
    const known = call.fromName || nameOf(call.from);
    say(byId('ringing-who'), known || party(call));
    say(byId('ringing-from'), known ? call.from : '');
    byId('ringing-about').replaceChildren(caller(call));
    say(byId('ringing-kind'), (call.media.video ? t('Video call for {to}', { to: call.to }) : t('Incoming call for {to}', { to: call.to })));
    say(byId('answer').lastElementChild, talking ? t('Hold and answer') : t('Answer'));
    if (!dialog.open) dialog.showModal();
    swappable();
    return undefined;
  }
  /** @param {(call: Call) => void} act */
  const decide = (act) => () => ringing[0] && act(ringing[0]);
  /** @param {Call} call @param {boolean} video */
  async function answer(call, video) {
    for (const one of phone.activeCalls) if (one.state === 'active') one.hold();
    leave(call);
    take(call);
    await call.answer({ video }).catch(() => call.reject());
  }
  /** @param {Call} call */
  function leave(call) {
    sound(call, null);
    if (ringing.includes(call)) ringing.splice(ringing.indexOf(call), 1);
    ring();
  }
  byId('answer').onclick = decide((call) => answer(call, false));
  byId('answer-video').onclick = decide((call) => answer(call, true));
  byId('decline').onclick = decide((call) => call.reject());
  byId('busy').onclick = decide((call) => call.reject('busy'));
  dialog.addEventListener('cancel', (/** @type {Event} */ event) => event.preventDefault()); // Esc decides nothing
  dialog.addEventListener('close', ring);

  phone.on('incoming', (call) => {
    byId('announce').hidden = true; // what went wrong before is not about this call
    sound(call, play(phone.activeCalls.length ? 'waiting' : 'ringtone'));
    const quiet = notify(call, party(call));
    call.on('answered', quiet);
    call.on('ended', (/** @type {string} */ reason, /** @type {string} */ cause) => {
      quiet();
      if (!ringing.includes(call)) return;
      leave(call);
      record(call, reason, cause);
    });
    ringing.push(call);
    ring();
  });

  // --- the line -------------------------------------------------------------------------------------------------

  let asked = false;
  phone.on('ready', async (info) => {
    line('ready', t('Online'));
    if (!asked && info.subscriber) pushChoice(byId('push'), () => String(phone.token), announce).catch((error) => announce(String(error.message), true));
    asked = true;
    const subscriber = info.subscriber ?? {};
    say(byId('who'), subscriber.display_name || subscriber.email || t('Guest'));
    own = (info.addresses ?? []).map((/** @type {any} */ one) => one.name?.startsWith('/') ? one.name : one.channels?.audio?.split('?')[0]).filter(Boolean);
    say(byId('own'), own.join(' · ') || t('can call out only'));
    await readBook(); // the history takes names from it
    await remember();
  });
  phone.on('closed', (code, reason, again) => {
    if (again) return line('lost', t('Reconnecting …'));
    line('lost', t('Offline'));
    if (code === 4401) {
      for (const kept of [KEPT, REFRESH]) sessionStorage.removeItem(kept);
      refuse(asked ? t('You are signed out: your sign-in has expired or was revoked. Nobody can call this phone. Ask for a new sign-in link.')
        : t('This link or token does not sign you in: it has expired, was revoked, or is of another server. Ask for a new sign-in link.'));
      byId('entry-page').hidden = false;
      byId('phone').hidden = true;
    }
    return undefined;
  });
  phone.on('token.expiring', (renews) => renews || announce(t('The token expires within a minute; open the page with a new one.'), true));
  phone.on('token.refreshed', ({ token: fresh, refreshToken }) => keep(fresh, refreshToken));
  phone.on('error', (error) => announce(refusal(error), true));

  byId('dial').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    dial(byId('destination').value.trim(), event.submitter?.id === 'dial-video' || byId('send-video').checked);
  });
  setInterval(readBook, BOOK_MS);
  document.addEventListener('visibilitychange', readBook);

  /** A digit goes to the call one talks in, else into the number to dial. @param {string} digit */
  function press(digit) {
    const active = phone.activeCalls.find((call) => call.answeredAt && call.state === 'active');
    const shown = active && cards.get(active);
    if (shown) shown.dispatchEvent(new CustomEvent('phone:digit', { detail: digit }));
    else byId('destination').value += digit;
  }
  byId('keypad').replaceWith(keypad(t('Keypad'), press));
  addEventListener('keydown', (event) => {
    const at = event.target instanceof Element ? event.target : null;
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || !/^[0-9*#]$/.test(event.key)) return;
    if (at?.closest('input, textarea, select, dialog, .pad')) return;
    press(event.key);
  });
  addEventListener('beforeunload', (event) => {
    // Leaving hangs up. What rings here may be taken elsewhere.
    if (phone.activeCalls.some((call) => call.answeredAt || call.direction === 'outbound')) event.preventDefault();
  });
  byId('swap').onclick = () => {
    const [active, held] = ['active', 'held'].map((state) => phone.activeCalls.find((call) => call.state === state));
    active?.hold();
    held?.resume();
  };
  byId('merge').onclick = () => {
    const [active, held] = ['active', 'held'].map((state) => phone.activeCalls.find((call) => call.state === state));
    if (!active || !held) return;
    // With a room, the other party comes into the room.
    const room = [active, held].find((call) => call.direction === 'outbound' && book.isRoom(call.to.split('?')[0]));
    const over = room ? (room === active ? held : active) : active.consultOf ? active : held;
    const stays = over === held ? active : held;
    merged.add(over);
    if (room) over.transfer(room.to);
    else stays.merge(over);
    if (room === held) held.resume();
  };
  byId('test-call').onclick = () => (byId('devices').close(), dial('/public/echo', false));
  deviceChoice(phone, announce);
  noticeChoice(byId('notices'), announce);
  swappable();
  phone.connect().catch(() => {});
  Object.assign(window, { phone }); // for the console of whoever tries things out
}

for (const select of document.querySelectorAll('[data-submit]')) {
  select.addEventListener('change', () => /** @type {HTMLSelectElement} */ (select).form?.submit());
}

byId('entry').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const { token, refreshToken } = pasted(byId('token').value);
  if (!token) return refuse(t('There is no token in this text. Paste the value of "token", or the whole answer in JSON.'));
  keep(token, refreshToken);
  if ('phone' in window) location.reload(); // the listeners of a phone that was refused are on this page
  else start(token);
  return undefined;
});
addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
const token = await givenToken();
if (token) start(token);
else byId('entry-page').hidden = false;
