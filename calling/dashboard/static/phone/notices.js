// @ts-check
/** A notice of the system for a call that rings in a tab nobody looks at. Browsers show it only where permitted. */

import { t } from '../words.js';

/** @typedef {import('../callwright.js').Call} Call */

/** Offers to permit notices, where that is still open. @param {HTMLButtonElement} button
 * @param {(text: string, bad?: boolean) => void} announce */
export function noticeChoice(button, announce) {
  const open = () => 'Notification' in window && Notification.permission === 'default';
  button.hidden = !open();
  button.onclick = async () => {
    const said = await Notification.requestPermission();
    button.hidden = !open();
    announce(said === 'granted' ? t('Calls are shown while this tab is in the background') : t('The browser does not allow notifications from this page'),
      said !== 'granted');
  };
}

/** Says who calls. A click leads to the phone. Returns what takes the notice away.
 * @param {Call} call @param {string} who @returns {() => void} */
export function notify(call, who) {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return () => {};
  const notice = new Notification(t('{name} is calling', { name: who }), { body: call.to, tag: call.id, requireInteraction: true });
  notice.onclick = () => (window.focus(), notice.close());
  return () => notice.close();
}

/** Takes away the notices of missed calls, which the service worker showed while no page was looked at. */
export async function missedAreSeen() {
  const registration = await navigator.serviceWorker?.getRegistration('/phone').catch(() => undefined);
  for (const each of await registration?.getNotifications() ?? []) if (each.data?.missed) each.close();
}
