// @ts-check
/** The service worker of `/phone`: shows who calls while no page is open, and then how that ended. */

const worker = /** @type {any} */ (self);

/** As in words.js; the server puts the catalogue before this script. @param {string} text @param {Record<string, string>} [values] @returns {string} */
const t = (text, values = {}) => String(worker.words?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const SHORT = 6000; // how long the end of a call stays that was taken elsewhere; Firefox looks 3 s after a message

/** The message before, until it is dealt with. Chromium forgets a notice that somebody asks for while it is being shown:
 * it takes one that is written and not yet on the screen for one that its user has closed. */
let before = Promise.resolve();

/** Does this after all that was begun before. @param {() => Promise<unknown>} step @returns {Promise<unknown>} */
function inTurn(step) {
  const done = before.then(step);
  before = done.then(() => {}, () => {});
  return done;
}

/** @typedef {{ type: string, call_id: string, reason?: string, from?: string, from_name?: string }} Message */

/** Something is shown for each message: browsers end a subscription, or show a notice of their own, after a few
 * messages that showed nothing (`userVisibleOnly`). Only a phone that is looked at needs none.
 * @param {Message} message  `call.incoming` or `call.cancelled`, see docs/contract.md#push */
async function hear(message) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const seen = pages.some((/** @type {any} */ page) => isPhone(page.url) && page.visibilityState === 'visible');
  if (message.type === 'call.cancelled') {
    const shown = await noticesOf(message.call_id);
    return seen ? close(shown) : end(message, shown);
  }
  if (seen) return undefined; // it rings by itself
  const said = { who: message.from_name || message.from || t('Somebody'), body: message.from_name ? message.from : '' };
  return worker.registration.showNotification(t('{name} is calling', { name: said.who }), {
    body: said.body, tag: message.call_id, data: said, requireInteraction: true,
    actions: [{ action: 'answer', title: t('Answer') }],
  });
}

/** @param {string} tag @returns {Promise<Notification[]>} */
const noticesOf = (tag) => worker.registration.getNotifications({ tag });

/** @param {Notification[]} shown */
const close = (shown) => shown.forEach((each) => each.close());

/** A missed call stays until it is seen; a call that was taken elsewhere, or is over otherwise, goes by itself.
 * @param {Message} message @param {Notification[]} shown  of the beginning; none where it never came */
async function end(message, shown) {
  const said = shown[0]?.data;
  const name = said?.who || message.from_name || message.from || t('Somebody');
  const missed = message.reason === 'missed';
  const elsewhere = { answered: t('Answered on another device'), rejected: t('Declined on another device') }[message.reason ?? ''] ?? '';
  close(shown); // Firefox shows three that wait for their user, and goes on counting one that was only replaced
  // Chromium closes what has a tag some time later: with the same tag that might be this one.
  const tag = `${message.call_id} over`;
  await worker.registration.showNotification(missed ? t('Missed call from {name}', { name }) : t('{name} is no longer calling', { name }), {
    body: missed ? said?.body ?? (message.from_name ? message.from : '') : elsewhere, tag, silent: true, data: { missed },
  });
  // Not awaited: when the message has been handled, browsers look whether a notice is shown.
  if (!missed) setTimeout(() => inTurn(() => noticesOf(tag).then(close)), SHORT);
}

/** @param {string} url */
const isPhone = (url) => new URL(url).pathname === '/phone';

/** Leads to the phone: to the page that is open, or to a new one. */
async function open() {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const phone = pages.find((/** @type {any} */ page) => isPhone(page.url));
  return phone ? phone.focus() : worker.clients.openWindow('/phone');
}

worker.addEventListener('push', (/** @type {any} */ event) => event.waitUntil(inTurn(() => hear(event.data.json()))));
worker.addEventListener('notificationclick', (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open());
});
