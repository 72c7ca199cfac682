// @ts-check
/** The choice of microphone, camera, speaker and what rings, and of noise suppression, remembered on this machine. */

import { Phone } from '../callwright.js';
import { byId, make } from './elements.js';
import { play, ringAt } from './tones.js';
import { t } from '../words.js';

const KEPT = 'callwright.devices';
const RING = 'callwright.ring';
const HEARD_S = 3; // of a ringtone that is tried
const KINDS = /** @type {const} */ ([['microphone', 'microphones', t('Microphone')], ['camera', 'cameras', t('Camera')], ['speaker', 'speakers', t('Speaker')]]);

/** @param {Phone} phone @param {(text: string, bad?: boolean) => void} announce */
export function deviceChoice(phone, announce) {
  const dialog = byId('devices');
  try {
    Object.assign(phone.devices, JSON.parse(localStorage.getItem(KEPT) ?? '{}'));
  } catch {
    localStorage.removeItem(KEPT);
  }
  const fill = async () => {
    const known = await Phone.listDevices();
    for (const [one, many, word] of KINDS) {
      const select = byId(`device-${one}`);
      select.replaceChildren(make('option', { value: '' }, t('Automatic')), ...known[many].map((device, index) =>
        make('option', { value: device.deviceId }, device.label || `${word} ${index + 1}`)));
      select.value = phone.devices[one] ?? '';
    }
    const ring = byId('device-ring');
    ring.replaceChildren(make('option', { value: '' }, t('Automatic')), ...known.speakers.map((device, index) =>
      make('option', { value: device.deviceId }, device.label || `${t('Speaker')} ${index + 1}`)));
    ring.value = localStorage.getItem(RING) ?? '';
    byId('noise').checked = phone.devices.noiseSuppression ?? true;
  };
  /** @param {string} id */
  const ringing = (id) => ringAt(id || undefined).catch((error) => announce(t('Ringing: {problem}', { problem: error.message }), true));
  ringing(localStorage.getItem(RING) ?? '');
  byId('device-ring').addEventListener('change', (/** @type {any} */ event) => {
    localStorage.setItem(RING, event.target.value);
    ringing(event.target.value);
  });
  byId('try-ring').addEventListener('click', () => play('ringtone', HEARD_S));
  byId('noise').addEventListener('change', (/** @type {any} */ event) => {
    phone.useDevices({ noiseSuppression: event.target.checked })
      .then(() => localStorage.setItem(KEPT, JSON.stringify(phone.devices)))
      .catch((error) => announce(t('Microphone: {problem}', { problem: error.message }), true));
  });
  for (const [one, , word] of KINDS) {
    byId(`device-${one}`).addEventListener('change', (/** @type {any} */ event) => {
      phone.useDevices({ [one]: event.target.value || undefined })
        .then(() => localStorage.setItem(KEPT, JSON.stringify(phone.devices)))
        .catch((error) => announce(`${word}: ${error.message}`, true));
    });
  }
  byId('open-devices').addEventListener('click', () => (fill(), dialog.showModal()));
  navigator.mediaDevices?.addEventListener('devicechange', fill);
}
