// @ts-check
/** What the platform refused and why a call ended, in the language of the page. The platform itself says it in English. */

import { marked, t } from '../words.js';

/** By error code (docs/contract.md#errors); in English the platform's own message says more. @type {Record<string, string>} */
const REFUSALS = {
  timeout: marked('No answer came.'),
  closed: marked('The connection was lost.'),
  not_allowed: marked('This is not possible at the moment.'),
  not_permitted: marked('This phone may not do this.'),
  not_found: marked('There is no such thing here.'),
  invalid_destination: marked('This cannot be dialled. Type a name, an extension, a number with + or an address.'),
  not_e164: marked('There is no such phone number.'),
  number_not_allowed: marked('Numbers like this one may not be called.'),
  number_not_assigned: marked('The number does not belong to the project.'),
  country_not_allowed: marked('This country may not be called.'),
  emergency_number: marked('Emergency numbers cannot be called: use a telephone.'),
  insufficient_balance: marked('The balance does not cover this.'),
  project_suspended: marked('Phone calls are suspended.'),
  price_too_high: marked('A minute to this number costs too much.'),
  too_many_calls: marked('There are too many calls at once.'),
  too_many_phone_calls: marked('There are too many phone calls at once.'),
  phone_rate_exceeded: marked('There were too many phone calls within a minute.'),
  daily_spend_reached: marked('The daily spending limit is reached.'),
  rate_limit_exceeded: marked('Too many tries. Wait a moment.'),
  unavailable: marked('The platform cannot do this at the moment. Try again later.'),
  internal_error: marked('Something went wrong on the server.'),
};

/** By cause of an end, as the platform names it. @type {Record<string, string>} */
const CAUSES = {
  answered_elsewhere: t('answered on another device'), no_device: t('no device was online'), unreachable: t('could not be reached'),
  not_allowed: t('not allowed'), media_failed: t('no sound came through'), worker_lost: t('the server had a fault'),
  max_duration: t('maximum duration reached'), drained: t('the server was restarted'), no_capacity: t('the server is full'),
  media_flood: t('too much data arrived at once'),
  insufficient_balance: t('no balance left'), device_lost: t('the device lost its connection'), script_error: t('an error in the script'),
};

/** @param {any} error  of callwright.js, or of the page itself @returns {string} */
export function refusal(error) {
  const text = REFUSALS[error.code];
  const words = text && t(text);
  return words && words !== text ? words : error.message;
}

/** @param {string} code @returns {string} */
export const cause = (code) => CAUSES[code] ?? code.replace(/^sip_/, 'SIP ').replaceAll('_', ' ');
