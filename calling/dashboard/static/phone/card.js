// @ts-check
/** One call on the page: who, how long, how well, and its verbs. */

import { button, icon, make, say } from './elements.js';
import { caller } from './caller.js';
import { keypad } from './keypad.js';
import { microphone } from './level.js';
import { members } from './members.js';
import { Meter } from './quality.js';
import { refusal } from './refusals.js';
import { stage } from './stage.js';
import { number, t } from '../words.js';

/** @typedef {import('../callwright.js').Call} Call */

/** What a user reads for the states and reasons of a call. @type {Record<string, string>} */
export const WORDS = {
  hangup: t('Ended'), cancelled: t('Cancelled'), busy: t('Busy'), 'no-answer': t('No answer'), rejected: t('Declined'),
  failed: t('Failed'), transferred: t('Transferred'),
};

/** What a user reads for a number of bars. */
const SOUND = ['', t('Bad sound'), t('Bad sound'), t('Fair sound'), t('Good sound'), t('Good sound')];

/** @param {Call} call @returns {string} the other party; a call that a back end placed has no address */
export function party(call) {
  return call.direction === 'inbound' ? call.fromName || call.from || t('Unknown caller') : call.toName || call.to;
}

/** @param {number} seconds */
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** Builds the card; it takes itself off when the call ends.
 * @param {Call} call @param {(text: string, bad?: boolean) => void} announce @param {(call: Call) => void} take  a new call's card
 * @param {() => void} change  tells the page that some call's state changed
 * @param {{find: (text: string) => string, nameOf: (address: string) => string, isRoom: (address: string) => boolean, token: () => string}} book */
export function card(call, announce, take, change, book) {
  /** @type {Call | null} */ let consult = null;
  let ringing = false;
  let elsewhere = false; // staff or a program holds it for this phone
  const meter = new Meter();
  const pictures = stage(call);
  const state = make('span', { className: 'badge' });
  const time = make('span', { className: 'clock quiet' });
  const facts = make('span', { className: 'small quiet' });
  const bars = make('span', { className: 'bars', 'aria-hidden': 'true' }, ...[1, 2, 3, 4, 5].map(() => make('i')));
  const sound = make('summary', { className: 'small' });
  const quality = make('div', { className: 'quality', hidden: true }, bars, make('details', {}, sound, facts));

  const mute = button('mic', t('Mute'), () => (call.isMuted ? call.unmute() : call.mute(), refresh()));
  const camera = button('camera', t('Camera'), () => (call.isVideoMuted ? call.unmute('video') : call.mute('video'), refresh()));
  const screen = button('screen', t('Share'), () => (call.isSharing ? call.stopSharing() : shareScreen()));
  const hold = button('pause', t('Hold'), () => (call.heldBy === 'local' ? call.resume() : call.hold()));
  const pad = button('keypad', t('Keypad'), () => show(keys, pad));
  const pass = button('transfer', t('Transfer'), () => show(transfer, pass) && destination.focus());
  const end = button('end', t('Hang up'), () => call.hangup(), 'bad');
  const complete = button('join', t('Connect them'), () => call.completeTransfer(), 'main');
  const cancel = button('close', t('Back to this call'), () => call.cancelTransfer());
  const verbs = make('div', { className: 'verbs' }, mute, camera, screen, hold, pad, pass, complete, cancel, end);

  const sent = make('output', { className: 'mono', 'aria-label': t('Digits sent') });
  const press = (/** @type {string} */ digit) => {
    const sender = call.peerConnection?.getSenders().find((one) => one.track?.kind === 'audio');
    if (!sender?.dtmf?.canInsertDTMF) return announce(t('This call takes no digits'), true);
    sender.dtmf.insertDTMF(sender.dtmf.toneBuffer + digit);
    return say(sent, (sent.textContent ?? '') + digit);
  };
  const keys = make('div', { className: 'keys', hidden: true }, sent, keypad(t('In-call keypad'), press));

  const destination = make('input', { 'aria-label': t('Transfer to'), placeholder: t('Name, extension or number'),
    required: true, autocomplete: 'off', spellcheck: false, maxLength: 300 });
  destination.setAttribute('list', 'addresses');
  const transfer = make('form', { className: 'transfer', hidden: true, on: { submit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const to = wanted();
    if (!to) return;
    call.transfer(to);
    show(transfer, pass);
  } } }, make('div', { className: 'row' }, destination), make('div', { className: 'row' },
    make('button', { type: 'submit' }, icon('transfer'), t('Transfer now')),
    button('ask', t('Consult first'), () => transfer.reportValidity() && ask())));

  /** @returns {string} what is typed as an address; empty, and told, where it is none */
  function wanted() {
    try {
      return book.find(destination.value.trim());
    } catch (error) {
      announce(/** @type {Error} */ (error).message, true);
      return '';
    }
  }

  /** Whether three talk in this call, and in no room. */
  const three = () => call.members.length > 0 && !call.room;
  const others = () => call.members.filter((each) => !each.you).map((each) => each.name || book.nameOf(each.address) || each.address);
  const who = () => three() ? others().join(', ') : (call.direction === 'inbound' ? call.fromName || book.nameOf(call.from) : call.toName || book.nameOf(call.to)) || party(call);
  const title = make('h2', {}, party(call));
  const ends = make('span', { className: 'small quiet break' });
  const shared = make('span', { className: 'badge good', hidden: true }, t('Sharing your screen'));
  const recorded = make('span', { className: 'badge bad recorded', hidden: true }, t('Recording'));
  const caption = make('p', { className: 'caption break', hidden: true, 'aria-live': 'polite' });
  const element = make('article', { className: 'card call' },
    make('header', {}, make('div', {}, title, ends),
    make('div', { className: 'row' }, time, shared, recorded, state)), caller(call), pictures.element, caption,
    make('div', { className: 'meters' }, quality, microphone(call)), members(call, book.token, book, announce), keys, transfer, verbs);
  element.addEventListener('phone:digit', (/** @type {any} */ event) => press(event.detail));

  /** Who is at the ends: as dialled or announced, until a transfer changes it. */
  function rename() {
    say(title, who());
    say(ends, call.direction === 'inbound' ? call.from ? t('from {from} to {to}', { from: call.from, to: call.to }) : t('Incoming call for {to}', { to: call.to }) : who() === call.to ? t('outgoing') : call.to);
    element.setAttribute('aria-label', t('Call with {name}', { name: party(call) }));
  }
  rename();

  /** @param {any} panel @param {any} opener */
  function show(panel, opener) {
    const open = panel.hidden;
    fold();
    panel.hidden = !open;
    opener.setAttribute('aria-expanded', String(open));
    if (open) panel.scrollIntoView({ block: 'nearest' });
    return open;
  }

  /** Closes the panels: one is open at a time, and none of a call that waits. */
  function fold() {
    for (const [panel, opener] of [[keys, pad], [transfer, pass]]) {
      panel.hidden = true;
      opener.setAttribute('aria-expanded', 'false');
    }
  }

  async function shareScreen() {
    try {
      await call.shareScreen();
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      if (name === 'NotAllowedError') announce(t('No screen was chosen'));
      else announce(t('Your screen cannot be shared: {problem}', { problem: message }), true);
    }
  }

  async function ask() {
    const to = wanted();
    if (!to) return;
    show(transfer, pass);
    try {
      consult = await call.attendedTransfer(to);
      consult.on('ended', () => ((consult = null), refresh()));
      take(consult);
    } catch (error) {
      announce(t('Consultation: {error}', { error: refusal(error) }), true);
    }
    refresh();
  }

  function refresh() {
    const live = call.state === 'active' || call.state === 'held';
    element.dataset.state = call.state;
    const held = call.heldBy === 'remote' ? t('On hold by them') : elsewhere ? t('On hold by your organization') : t('On hold');
    const early = call.direction === 'inbound' ? t('Connecting') : ringing ? t('Ringing') : t('Calling');
    say(state, call.state === 'held' ? held : call.state === 'active' ? t('Connected') : early);
    state.className = `badge ${call.state === 'active' ? 'good' : call.state === 'held' ? 'warn' : ''}`;
    mute.setAttribute('aria-pressed', String(call.isMuted));
    say(mute.lastChild, call.isMuted ? t('Muted') : t('Mute'));
    const pictured = !!call.localStream?.getVideoTracks().length;
    camera.hidden = !live || !pictured;
    camera.setAttribute('aria-pressed', String(call.isVideoMuted));
    say(camera.lastChild, call.isVideoMuted ? t('Camera off') : t('Camera'));
    screen.hidden = !live || !navigator.mediaDevices?.getDisplayMedia;
    screen.setAttribute('aria-pressed', String(call.isSharing));
    say(screen.lastChild, call.isSharing ? t('Stop sharing') : t('Share'));
    screen.setAttribute('aria-label', call.isSharing ? t('Stop sharing') : t('Share screen'));
    shared.hidden = !call.isSharing;
    hold.setAttribute('aria-pressed', String(call.heldBy === 'local'));
    say(hold.lastChild, call.heldBy === 'local' ? t('Resume') : t('Hold'));
    for (const one of [mute, hold, pad]) one.hidden = !live;
    pass.hidden = !live || !!consult || !!call.consultOf || three();
    complete.hidden = cancel.hidden = !consult;
    pictures.arrange();
    change();
  }

  const ticking = setInterval(async () => {
    if (!call.answeredAt || !call.peerConnection) return;
    say(time, clock((Date.now() - call.answeredAt.getTime()) / 1000));
    const read = await meter.read(call.peerConnection).catch(() => null);
    quality.hidden = !read;
    if (!read) return;
    quality.dataset.bars = String(read.bars);
    say(sound, SOUND[read.bars]);
    say(facts, [read.codec, t('MOS {score}', { score: number(read.mos, 1) }), t('loss {percent} %', { percent: number(read.loss * 100, 1) }),
      t('jitter {ms} ms', { ms: Math.round(read.jitter * 1000) }), t('round trip {ms} ms', { ms: Math.round(read.rtt * 1000) })].join(' · '));
  }, 1000);

  call.on('ringing', () => ((ringing = true), refresh()));
  for (const type of ['trying', 'answered', 'held', 'resumed', 'muted', 'unmuted', 'media', 'sharing']) call.on(type, refresh);
  call.on('answered', () => call.followMembers());
  call.on('members', () => (rename(), fold(), refresh()));
  call.on('parties', () => (rename(), announce(t('You are talking with {name} now', { name: party(call) }))));
  call.on('held', fold);
  call.on('held', (by, asked) => {
    elsewhere = by === 'local' && !asked;
    announce(by === 'remote' ? t('{name} put you on hold', { name: party(call) })
      : asked ? t('{name} is on hold', { name: who() }) : t('Your organization put this call on hold. Press Resume to talk again.'));
    refresh();
  });
  call.on('muted', (channels, by, asked) => by === 'local' && !asked && announce(t('You were muted by somebody else')));
  call.on('dtmf', (digit, by) => by === 'remote' && announce(t('{name} pressed {digit}', { name: party(call), digit })));
  call.on('caption', (text, by) => {
    caption.hidden = false;
    say(caption, `${by === 'local' ? t('You') : who()}: ${text}`);
  });
  call.on('recording', (on) => {
    recorded.hidden = !on;
    if (on) announce(t('This call is being recorded'));
  });
  call.on('transferring', () => announce(t('Transferring …')));
  call.on('transferred', () => announce(t('Transferred')));
  call.on('transferFailed', (reason) => announce(t('Transfer failed: {reason}', { reason: WORDS[reason] ?? reason }), true));
  call.on('error', (error) => announce(refusal(error), true));
  call.on('ended', () => {
    clearInterval(ticking);
    element.remove();
    change();
  });
  refresh();
  return element;
}
