// @ts-check
/** Who is in a room, on its call's card, with mute and remove: for whom the room lets moderate, as it also says who sees. */

import { make, say } from './elements.js';
import { t } from '../words.js';

const EVERY_MS = 3000;

/** @param {import('../callwright.js').Call} call @param {() => string} token @param {{nameOf: (address: string) => string, isRoom: (address: string) => boolean}} book
 * @param {(text: string, bad?: boolean) => void} announce @returns {any} an element that shows itself in rooms */
export function members(call, token, book, announce) {
  const list = make('ul', {});
  const title = make('h3', {}, t('In this room'));
  const element = make('section', { className: 'members', hidden: true, 'aria-label': t('In this room') }, title, list);
  const there = ((call.direction === 'outbound' ? call.to : call.from) || '').split('?')[0];
  const name = /^\/[^/]+\/([^/]+)$/.exec(there)?.[1];
  let timer = 0;

  /** @param {string} path @param {string} [method] */
  const ask = async (path, method = 'GET') => {
    const response = await fetch(`/api/rooms/${name}${path}`, { method, headers: { Authorization: `Bearer ${token()}`,
      'Content-Type': 'application/json' }, ...(method === 'POST' ? { body: '{}' } : {}) });
    if (!response.ok) throw Object.assign(new Error(String(response.status)), { status: response.status });
    return response.json();
  };

  /** @param {any} member */
  function row(member) {
    const who = member.name || book.nameOf(member.address) || member.address;
    const muted = member.muted === true || member.muted?.includes?.('audio');
    /** @param {string} verb @param {string} words */
    const act = (verb, words) => make('button', { type: 'button', className: 'tiny', 'aria-label': `${words} ${who}`, on: {
      click: () => ask(`/members/${member.leg_id}/${verb}`, 'POST').then(draw).catch(() => announce(t('{name} could not be changed', { name: who }), true)) } }, words);
    return make('li', {}, make('span', { className: 'name' }, who, member.call_id === call.id ? ` ${t('(you)')}` : '',
      ...(muted ? [' ', make('span', { className: 'badge warn' }, t('muted'))] : member.talking ? [' ', make('span', { className: 'badge good' }, t('talking'))] : [])),
      act(muted ? 'unmute' : 'mute', muted ? t('Unmute') : t('Mute')), act('remove', t('Remove')));
  }

  /** @param {any} room */
  function draw(room) {
    element.hidden = false;
    say(title, (room.locked ? t('In this room: {count}, locked', { count: room.members.length }) : t('In this room: {count}', { count: room.members.length })));
    const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute('aria-label') : null;
    list.replaceChildren(...room.members.map((/** @type {any} */ each) => row(each)));
    if (focused) list.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  async function look() {
    clearTimeout(timer);
    if (call.state === 'ended' || !book.isRoom(there)) return undefined;
    try {
      if (!document.hidden) draw(await ask(''));
    } catch (error) {
      if (!(/** @type {any} */ (error).status)) return void (timer = Number(setTimeout(look, EVERY_MS)));
      element.hidden = false;
      list.replaceChildren(make('li', { className: 'quiet' }, t('The settings of this room do not show its members.')));
      return undefined;
    }
    timer = Number(setTimeout(look, EVERY_MS));
    return undefined;
  }
  if (name) call.on('answered', look);
  call.on('ended', () => clearTimeout(timer));
  return element;
}
