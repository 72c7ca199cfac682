// @ts-check
/** The choice of microphone, camera and speaker, remembered on this machine. */

import { Phone } from '../callwright.js';
import { byId, make } from './elements.js';
import { t } from '../words.js';

const KEPT = 'callwright.devices';
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
  };
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
