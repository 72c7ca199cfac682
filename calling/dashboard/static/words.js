// @ts-check
/** What scripts show, in the language of the page. The page carries its catalogue as data; English has none, because
 * the texts in the scripts are English. A text is written as a literal at its call, so that `make messages` finds it. */

/** @type {Record<string, string | string[]>} */
const catalogue = JSON.parse(document.getElementById('words')?.textContent || '{}');
const language = document.documentElement.lang || 'en';
const plural = new Intl.PluralRules(language);

/** How numbers and times are written: as the browser does where it speaks the language of the page. */
export const locale = navigator.languages.find((each) => each.split('-')[0] === language) ?? language;

/** @param {string} text @param {Record<string, unknown>} values */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** @param {string} text  English, with `{name}` for each of the values @param {Record<string, unknown>} [values] @returns {string} */
export function t(text, values = {}) {
  const found = catalogue[text];
  return filled(typeof found === 'string' ? found : text, values);
}

/** @param {string} one  English for one, with `{count}` @param {string} many @param {number} count
 * @param {Record<string, unknown>} [values] @returns {string} */
export function tn(one, many, count, values = {}) {
  const forms = catalogue[one] ?? [one, many];
  return filled(forms[plural.select(count) === 'one' ? 0 : 1], { count, ...values });
}

/** @param {string} text  a text that is shown elsewhere by `t(…)` of a variable @returns {string} */
export const marked = (text) => text;

/** @param {number} value @param {number} [digits]  after the decimal sign */
export const number = (value, digits = 0) =>
  value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
