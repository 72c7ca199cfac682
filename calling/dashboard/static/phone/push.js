// @ts-check
/** Has this browser woken when its subscriber is called while the page is closed (docs/contract.md#push). */

import { t } from '../words.js';

const WORKER = '/phone-push.js';
const SCOPE = '/phone';

const possible = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** @param {string} text  base64url @returns {Uint8Array<ArrayBuffer>} */
function bytes(text) {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (each) => each.charCodeAt(0));
}

/** @param {ArrayBuffer | null} left @param {Uint8Array} right */
function same(left, right) {
  const other = new Uint8Array(left ?? new ArrayBuffer(0));
  return other.length === right.length && right.every((each, at) => each === other[at]);
}

/** @param {string} method @param {string} path @param {string} token @param {any} [body] */
async function ask(method, path, token, body) {
  const response = await fetch(path, { method, body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' } });
  if (!response.ok) throw new Error(t('the setting could not be changed ({status})', { status: response.status }));
  return response.status === 204 ? undefined : response.json();
}

/** Subscribes this browser, or says again where it is reached: the instance's key may have changed, and the phone
 * may be somebody else's now. @param {string} token */
async function subscribe(token) {
  const { key } = await ask('GET', '/api/push/key', token);
  const registration = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !same(subscription.options.applicationServerKey, bytes(key))) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  await ask('PUT', '/api/push/subscription', token, subscription.toJSON());
}

/** @param {string} token */
async function unsubscribe(token) {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  const subscription = await registration?.pushManager.getSubscription();
  if (!subscription) return;
  await subscription.unsubscribe();
  await ask('DELETE', '/api/push/subscription', token, { endpoint: subscription.endpoint });
}

/** The choice under Devices. Where it was taken before, it is renewed.
 * @param {HTMLInputElement} choice @param {() => string} token @param {(text: string, bad?: boolean) => void} announce */
export async function pushChoice(choice, token, announce) {
  const line = /** @type {HTMLElement} */ (choice.closest('p'));
  line.hidden = !possible();
  if (line.hidden) return;
  choice.onchange = async () => {
    const wanted = choice.checked;
    try {
      if (wanted && await Notification.requestPermission() !== 'granted') throw new Error(t('The browser does not allow notifications from this page'));
      await (wanted ? subscribe(token()) : unsubscribe(token()));
      announce(wanted ? t('Calls ring here also while this page is closed') : t('Calls ring only while this page is open'));
    } catch (error) {
      choice.checked = !wanted;
      announce(String(/** @type {Error} */ (error).message), true);
    }
  };
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  choice.checked = Notification.permission === 'granted' && !!await registration?.pushManager.getSubscription();
  if (choice.checked) await subscribe(token()).catch((error) => announce(String(error.message), true));
}
