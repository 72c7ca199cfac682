// @ts-check
/** What a caller's side said of itself (`user_variables`): company, a link, more. Anybody may have written it, so it is
 * shown as text, and a link says where it leads. */

import { make } from './elements.js';
import { t } from '../words.js';

const MOST = 6;
const LINKS = ['link', 'url', 'crm_url'];

/** @param {import('../callwright.js').Call} call @returns {any} */
export function caller(call) {
  const given = Object.entries(call.userVariables ?? {}).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '');
  const parts = given.slice(0, MOST).map(([name, value]) => part(name, String(value).slice(0, 300)));
  return make('dl', { className: 'caller', hidden: !parts.length, 'aria-label': t('About the caller') }, ...parts);
}

/** @param {string} name @param {string} value */
function part(name, value) {
  const words = name.replaceAll('_', ' ');
  const place = LINKS.includes(name.toLowerCase()) ? safe(value) : null;
  const shown = place ? make('a', { href: place.href, target: '_blank', rel: 'noopener noreferrer' }, place.host + (place.pathname === '/' ? '' : place.pathname).slice(0, 60)) : value;
  return make('div', {}, make('dt', {}, words.charAt(0).toUpperCase() + words.slice(1)), make('dd', {}, shown));
}

/** @param {string} text @returns {URL | null} a web address and nothing else */
function safe(text) {
  try {
    const url = new URL(text);
    return ['http:', 'https:'].includes(url.protocol) && !url.username && !url.password ? url : null;
  } catch {
    return null;
  }
}
