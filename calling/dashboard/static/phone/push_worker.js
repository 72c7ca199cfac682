// @ts-check
/** The service worker of `/phone`: shows who calls while no page is open, and takes it away again. */

const worker = /** @type {any} */ (self);

/** As in words.js; the server puts the catalogue before this script. @param {string} text @param {Record<string, string>} [values] @returns {string} */
const t = (text, values = {}) => String(worker.words?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** @param {any} message  `call.incoming` or `call.cancelled`, see docs/contract.md#push */
async function hear(message) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const shown = await worker.registration.getNotifications({ tag: message.call_id });
  if (message.type === 'call.cancelled') return shown.forEach((/** @type {Notification} */ each) => each.close());
  // A page that is looked at rings by itself.
  if (pages.some((/** @type {any} */ page) => isPhone(page.url) && page.visibilityState === 'visible')) return undefined;
  const who = message.from_name || message.from || t('Somebody');
  return worker.registration.showNotification(t('{name} is calling', { name: who }), {
    body: message.from_name ? message.from : '', tag: message.call_id, requireInteraction: true,
    actions: [{ action: 'answer', title: t('Answer') }],
  });
}

/** @param {string} url */
const isPhone = (url) => new URL(url).pathname === '/phone';

/** Leads to the phone: to the page that is open, or to a new one. */
async function open() {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const phone = pages.find((/** @type {any} */ page) => isPhone(page.url));
  return phone ? phone.focus() : worker.clients.openWindow('/phone');
}

worker.addEventListener('push', (/** @type {any} */ event) => event.waitUntil(hear(event.data.json())));
worker.addEventListener('notificationclick', (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open());
});
