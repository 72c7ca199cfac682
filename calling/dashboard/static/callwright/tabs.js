// @ts-check
/**
 * The tabs of one browser that hold the same refresh token, as a duplicated tab does. It is good once: one of them uses
 * it, and the others take the pair that came of it. Must not live here: what a pair is used for.
 */

const NAME = 'callwright.tokens';
const ANSWER_MS = 200; // for another tab to say that a token is used up
const ALONE_MS = 15000; // for another tab to be done with its own
const MOST = 20; // pairs remembered

/** @typedef {{token: string, refreshToken: string}} Pair */

export class Tabs {
  /** @type {Map<string, Pair>} by the refresh token that it came of */ #after = new Map();
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(NAME);
  /** @type {() => string | undefined} */ #mine;

  /** @param {() => string | undefined} mine  the refresh token that this tab holds
   * @param {(pair: Pair) => void} adopt  another tab has used it up, and this came of it */
  constructor(mine, adopt) {
    this.#mine = mine;
    if (!this.#channel) return;
    this.#channel.onmessage = ({ data: { asked, used, pair } }) => {
      if (asked) {
        const newest = this.#newest(asked);
        if (newest) this.#channel?.postMessage({ used: asked, pair: newest });
      } else if (used === this.#mine()) {
        this.#remember(used, pair);
        adopt(pair);
      }
    };
  }

  /** Runs `work`, which uses the token up, while no other tab does such a thing. Where another tab has used it up, this one
   * has adopted what came of it, and `work` is not run. Rejects where the others take too long.
   * @param {string} refreshToken @param {() => Promise<void>} work */
  async use(refreshToken, work) {
    const mine = async () => {
      if (this.#mine() === refreshToken && !await this.#isUsed(refreshToken)) await work();
    };
    if (!navigator.locks) return mine(); // a page without https
    await navigator.locks.request(NAME, { signal: AbortSignal.timeout(ALONE_MS) }, mine);
    return undefined;
  }

  /** This tab has used a refresh token: the others take what came of it. @param {string} used @param {Pair} pair */
  made(used, pair) {
    this.#remember(used, pair);
    this.#channel?.postMessage({ used, pair });
  }

  /** Whether another tab has used it; this one has then adopted what came of it. @param {string} refreshToken */
  async #isUsed(refreshToken) {
    if (!this.#channel) return false;
    this.#channel.postMessage({ asked: refreshToken });
    const until = Date.now() + ANSWER_MS;
    while (this.#mine() === refreshToken && Date.now() < until) await new Promise((done) => setTimeout(done, 10));
    return this.#mine() !== refreshToken;
  }

  /** @param {string} used @param {Pair} pair */
  #remember(used, pair) {
    this.#after.set(used, pair);
    for (const old of [...this.#after.keys()].slice(0, -MOST)) this.#after.delete(old);
  }

  /** @param {string} used @returns {Pair | undefined} */
  #newest(used) {
    let found = this.#after.get(used);
    for (let next = found; next; next = this.#after.get(next.refreshToken)) found = next;
    return found;
  }
}
