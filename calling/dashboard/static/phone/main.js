// @ts-check
/** The browser phone: a subscriber's token in, calls out and in. Calls themselves are `callwright.js`. */

import { Phone } from '../callwright.js';
import { addresses, fill } from './book.js';
import { WORDS, card, party } from './card.js';
import { deviceChoice } from './devices.js';
import { byId, make, say } from './elements.js';
import { keypad } from './keypad.js';
import { play } from './tones.js';

/** @typedef {import('../callwright.js').Call} Call */

const KEPT = 'callwright.token';

/** The fragment never reaches a server; it is taken out of the address bar and kept for this tab alone. */
function givenToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get('token');
  if (token) {
    sessionStorage.setItem(KEPT, token);
    history.replaceState(null, '', location.pathname);
  }
  if (given.get('to')) byId('destination').value = given.get('to');
  return token ?? sessionStorage.getItem(KEPT);
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

/** @param {string} token */
function start(token) {
  const phone = new Phone({ token });
  /** @type {Map<Call, () => void>} what sounds for a call */ const tones = new Map();
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
  };

  /** Puts a call on the page. @param {Call} call */
  function take(call) {
    byId('calls').append(card(call, announce, take, swappable));
    call.on('ringing', () => sound(call, play('ringback')));
    call.on('answered', () => sound(call, null));
    call.on('ended', (reason, cause) => {
      sound(call, null);
      if (call.direction === 'outbound' && ['busy', 'failed', 'no-answer', 'rejected'].includes(reason)) play('busy', 2);
      record(call, reason, cause);
    });
    swappable();
  }

  function swappable() {
    const talking = phone.activeCalls.filter((call) => call.answeredAt);
    byId('swap').hidden = !(talking.length === 2 && talking.some((call) => call.state === 'active')
      && talking.some((call) => call.heldBy === 'local'));
    byId('no-calls').hidden = phone.activeCalls.length > 0 || byId('calls').childElementCount > 0;
    document.title = ringing.length ? `${party(ringing[0])} is calling` : talking.length ? 'On a call · Phone' : 'Phone';
  }

  /** @param {Call} call @param {string} reason @param {string} cause */
  function record(call, reason, cause) {
    const word = WORDS[reason] ?? reason;
    const why = cause && cause !== 'normal' ? ` (${cause.replaceAll('_', ' ')})` : '';
    announce(`${party(call)}: ${word.toLowerCase()}${why}`, reason === 'failed');
    const when = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    byId('log').prepend(make('li', {}, make('span', {}, `${call.direction === 'inbound' ? '←' : '→'} ${party(call)}`),
      make('span', { className: 'small quiet' }, `${word}${why} ${when}`)));
    byId('log-empty').hidden = true;
    swappable();
  }

  /** @param {string} to @param {boolean} video */
  async function dial(to, video) {
    if (!to) return byId('destination').focus();
    const receiveVideo = video || byId('receive-video').checked;
    try {
      for (const call of phone.activeCalls) if (call.state === 'active') call.hold();
      line('ready', 'Calling …');
      take(await phone.call(to, { audio: byId('send-audio').checked, video, receiveVideo }));
    } catch (error) {
      const { code, name, message } = /** @type {any} */ (error);
      announce(name === 'NotAllowedError' ? 'The browser does not let this page use the microphone or camera'
        : `${to}: ${code === 'address_not_allowed' ? 'this token may not call it' : message}`, true);
    } finally {
      line(phone.ready ? 'ready' : 'lost', phone.ready ? 'Online' : 'Reconnecting …');
    }
    return undefined;
  }

  // --- ringing --------------------------------------------------------------------------------------------------

  const dialog = byId('ringing');
  function ring() {
    const call = ringing[0];
    if (!call) return dialog.open ? dialog.close() : swappable();
    const talking = phone.activeCalls.some((one) => one.answeredAt);
    say(byId('ringing-who'), party(call));
    say(byId('ringing-from'), call.fromName ? call.from : '');
    say(byId('ringing-kind'), `${call.media.video ? 'Video call' : 'Incoming call'} for ${call.to}`);
    say(byId('answer').lastElementChild, talking ? 'Hold and answer' : 'Answer');
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
    sound(call, play(phone.activeCalls.length ? 'waiting' : 'ringtone'));
    call.on('ended', (/** @type {string} */ reason, /** @type {string} */ cause) => {
      if (!ringing.includes(call)) return;
      leave(call);
      record(call, reason, cause);
    });
    ringing.push(call);
    ring();
  });

  // --- the line -------------------------------------------------------------------------------------------------

  phone.on('ready', async (info) => {
    line('ready', 'Online');
    const subscriber = info.subscriber ?? {};
    say(byId('who'), subscriber.display_name || subscriber.email || 'Guest');
    const own = (info.addresses ?? []).map((/** @type {any} */ one) => one.name?.startsWith('/') ? one.name : one.channels?.audio?.split('?')[0]);
    say(byId('own'), own.filter(Boolean).join(' · ') || 'can call out only');
    try {
      fill(await addresses(token), byId('book'), byId('addresses'), byId('search'), dial);
    } catch (error) {
      byId('book').replaceChildren(make('li', { className: 'quiet' }, String(/** @type {Error} */ (error).message)));
    }
  });
  phone.on('closed', (code, reason, again) => {
    if (again) return line('lost', 'Reconnecting …');
    line('lost', 'Offline');
    if (code === 4401) {
      sessionStorage.removeItem(KEPT);
      announce('The token is not valid any more. Open this page with a new one.', true);
      byId('entry-page').hidden = false;
      byId('phone').hidden = true;
    }
    return undefined;
  });
  phone.on('token.expiring', () => announce('The token expires within a minute; open the page with a new one.', true));
  phone.on('error', (error) => announce(error.message, true));

  byId('dial').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    dial(byId('destination').value.trim(), event.submitter?.id === 'dial-video' || byId('send-video').checked);
  });
  byId('keypad').replaceWith(keypad('Keypad', (digit) => (byId('destination').value += digit)));
  byId('swap').onclick = () => {
    const [active, held] = ['active', 'held'].map((state) => phone.activeCalls.find((call) => call.state === state));
    active?.hold();
    held?.resume();
  };
  deviceChoice(phone, announce);
  swappable();
  phone.connect().catch(() => {});
  Object.assign(window, { phone }); // for the console of whoever tries things out
}

byId('entry').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  sessionStorage.setItem(KEPT, token);
  start(token);
});
addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
const token = givenToken();
if (token) start(token);
else byId('entry-page').hidden = false;
