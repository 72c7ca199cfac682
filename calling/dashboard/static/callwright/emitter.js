// @ts-check
/** What a Phone and a Call share: events with listeners, and the one kind of error. */

/** A refusal by the platform, or a request that got no answer. `code` as in the REST API. */
export class CallError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message || code);
    this.name = 'CallError';
    this.code = code;
  }
}

/** A list of listeners per event type. */
export class Emitter {
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();

  /** Calls `listener` on each `type`. Returns a function that takes it off again.
   * @param {string} type @param {(...args: any[]) => void} listener */
  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type)?.add(listener);
    return () => this.off(type, listener);
  }

  /** @param {string} type @param {Function} listener */
  off(type, listener) {
    this.#listeners.get(type)?.delete(listener);
  }

  /** One listener's exception is reported and does not keep the others from hearing.
   * @param {string} type @param {...any} args */
  emit(type, ...args) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
