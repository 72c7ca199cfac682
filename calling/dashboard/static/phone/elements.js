// @ts-check
/** Making elements by hand. Text is always set as text, so nothing a caller sends is ever read as markup. */

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** @param {string} tag @param {Record<string, any>} [properties]  `on` holds listeners, `data` data attributes
 * @param {...(Node | string)} children @returns {any} */
export function make(tag, { on = {}, data = {}, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value);
  }
  Object.assign(element.dataset, data);
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  element.append(...children);
  return element;
}

/** An icon of the page's own sprite. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon and a word. @param {string} name @param {string} text @param {() => void} act @param {string} [className] */
export function button(name, text, act, className = '') {
  return make('button', { type: 'button', className, on: { click: act } }, icon(name), make('span', {}, text));
}

/** @param {any} element @param {string} text  changed only where it differs: screen readers hear each change */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
