// @ts-check
/**
 * Passkeys on the staff pages. A form `data-passkey="get|create"` asks `data-options` what to ask the browser, puts
 * its answer into the field `credential`, and is sent as any form. Where a browser has none, the forms stay hidden.
 */

import { t } from '../words.js';

/** @param {string} text base64url, as JSON carries bytes */
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));

/** @param {ArrayBuffer | null} buffer */
const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** @param {any} options  what the server wrote: its bytes are text yet */
function read(options) {
  const asked = { ...options.publicKey };
  asked.challenge = bytes(asked.challenge);
  if (asked.user) asked.user = { ...asked.user, id: bytes(asked.user.id) };
  for (const name of ['excludeCredentials', 'allowCredentials']) {
    if (asked[name]) asked[name] = asked[name].map((/** @type {any} */ each) => ({ ...each, id: bytes(each.id) }));
  }
  return asked;
}

/** @param {any} credential */
function written(credential) {
  const response = credential.response;
  /** @type {Record<string, any>} */
  const parts = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[name]) parts[name] = text(response[name]);
  }
  if (response.getTransports) parts.transports = response.getTransports();
  return JSON.stringify({
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response: parts,
    authenticatorAttachment: credential.authenticatorAttachment ?? null,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

/** @param {HTMLFormElement} form */
async function ask(form) {
  const token = /** @type {HTMLInputElement} */ (form.elements.namedItem('csrfmiddlewaretoken')).value;
  const answer = await fetch(form.dataset.options ?? '', { method: 'POST', headers: { 'X-CSRFToken': token } });
  if (!answer.ok) {
    const said = answer.headers.get('Content-Type')?.includes('json') ? (await answer.json()).words : '';
    throw new Error(said || (answer.status === 429 ? t('Too many tries. Wait a few minutes.') : t('That did not work. Load the page again.')));
  }
  const publicKey = read(await answer.json());
  const credential = form.dataset.passkey === 'create'
    ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
  /** @type {HTMLInputElement} */ (form.elements.namedItem('credential')).value = written(credential);
  form.submit();
}

/** @param {any} error */
function words(error) {
  if (error.name === 'NotAllowedError') return t('No passkey was given, or it took too long.');
  if (error.name === 'InvalidStateError') return t('This device has a passkey of yours already.');
  if (error.name === 'SecurityError') return t('Passkeys do not work at this address. Open the dashboard by its host name.');
  return error.message || t('That did not work.');
}

if (window.isSecureContext && window.PublicKeyCredential) {
  for (const note of document.querySelectorAll('[data-no-passkeys]')) note.remove();
  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('form[data-passkey]'))) {
    form.hidden = false;
    const alert = /** @type {HTMLElement} */ (form.querySelector('[role="alert"]'));
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      alert.hidden = button.disabled = true;
      ask(form).catch((error) => {
        alert.textContent = words(error);
        alert.hidden = button.disabled = false;
      });
    });
  }
}
