// @ts-check
/** Who is in the room, or conversation of three, of a call, on its card: with hands and shared screens for everybody in it,
 * and with mute and remove for whom the room lets moderate. */

import { make, say } from './elements.js';
import { t } from '../words.js';

const EVERY_MS = 3000;

/** @param {import('../callwright.js').Call} call @param {() => string} token @param {{nameOf: (address: string) => string, isRoom: (address: string) => boolean}} book
 * @param {(text: string, bad?: boolean) => void} announce @returns {any} an element that shows itself in rooms */
export function members(call, token, book, announce) {
  const list = make('ul', { tabIndex: 0, 'aria-label': t('Members') });
  const title = make('h3', {}, t('In this room'));
  const hand = make('button', { type: 'button', className: 'tiny', hidden: true, on: { click: () => call.raiseHand(!raised()) } }, t('Raise hand'));
  const element = make('section', { className: 'members', hidden: true }, make('div', { className: 'row' }, title, hand), list);
  const there = ((call.direction === 'outbound' ? call.to : call.from) || '').split('?')[0];
  const name = /^\/[^/]+\/([^/]+)$/.exec(there)?.[1];
  /** @type {any} what a moderator is told of the room; null for everybody else */ let room = null;
  let timer = 0;

  const raised = () => call.members.some((each) => each.you && each.hand_raised);

  /** @param {string} path @param {string} [method] */
  const ask = async (path, method = 'GET') => {
    const response = await fetch(`/api/rooms/${name}${path}`, { method, headers: { Authorization: `Bearer ${token()}`,
      'Content-Type': 'application/json' }, ...(method === 'POST' ? { body: '{}' } : {}) });
    if (!response.ok) throw Object.assign(new Error(String(response.status)), { status: response.status });
    return response.json();
  };

  /** @param {string} kind @param {string} words */
  const mark = (kind, words) => make('span', { className: `badge ${kind}` }, words);

  /** @param {any} member */
  function row(member) {
    const seen = room?.members.find((/** @type {any} */ each) => each.leg_id === member.leg_id);
    const who = member.name || book.nameOf(member.address) || member.address;
    const muted = [member, seen ?? {}].some((each) => each.muted === true || each.muted?.includes?.('audio'));
    /** @param {string} verb @param {string} words */
    const act = (verb, words) => make('button', { type: 'button', className: 'tiny', 'aria-label': `${words} ${who}`, on: {
      click: () => ask(`/members/${member.leg_id}/${verb}`, 'POST').then(take).catch(() => announce(t('{name} could not be changed', { name: who }), true)) } }, words);
    return make('li', {}, make('span', { className: 'name' }, make('bdi', {}, who), member.you || member.call_id === call.id ? ` ${t('(you)')}` : ''),
      ...(member.hand_raised ? [mark('warn', t('Hand raised'))] : []), ...(member.sharing ? [mark('good', t('Shares a screen'))] : []),
      ...(muted ? [mark('warn', t('muted'))] : seen?.talking ? [mark('good', t('talking'))] : []),
      ...(seen ? [act(muted ? 'unmute' : 'mute', muted ? t('Unmute') : t('Mute')), act('remove', t('Remove'))] : []));
  }

  /** Shows who is here: as everybody in it is told, else as a moderator sees it. */
  function draw() {
    const told = call.members.length > 0;
    const people = told ? call.members : room?.members ?? [];
    const inRoom = !told || call.room;
    const count = told ? call.memberCount : people.length;
    element.hidden = !people.length;
    element.setAttribute('aria-label', inRoom ? t('In this room') : t('In this conversation'));
    say(title, !inRoom ? t('In this conversation: {count}', { count })
      : room?.locked ? t('In this room: {count}, locked', { count }) : t('In this room: {count}', { count }));
    hand.hidden = !told || !call.room;
    hand.setAttribute('aria-pressed', String(raised()));
    say(hand, raised() ? t('Lower hand') : t('Raise hand'));
    const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
    list.replaceChildren(...people.map((/** @type {any} */ each) => row(each)));
    if (focused) list.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  /** @param {any} answer  the room, as a moderator is told */
  function take(answer) {
    room = answer;
    draw();
  }

  async function look() {
    clearTimeout(timer);
    if (call.state === 'ended' || !book.isRoom(there)) return undefined;
    try {
      if (!document.hidden) take(await ask(''));
    } catch (error) {
      if (/** @type {any} */ (error).status) return undefined; // no moderator: what everybody is told is enough
    }
    timer = Number(setTimeout(look, EVERY_MS));
    return undefined;
  }
  if (name) call.on('answered', look);
  call.on('members', draw);
  call.on('ended', () => clearTimeout(timer));
  return element;
}
