/**
 * One request with its attempts. A POST is sent with an Idempotency-Key: a repetition has one effect.
 *
 * Tried again, after `Retry-After` or with growing waits: no connection, 429, 502, 503, 504, and 409
 * `request_in_progress`.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { ApiError, Unreachable } from './errors.js';

const LONGEST_WAIT_MS = 30_000;
const FIRST_WAIT_MS = 250;
const AGAIN = new Set([429, 502, 503, 504]);

export interface Post {
  /** Your own Idempotency-Key; by default a new one. */
  idempotencyKey?: string;
}

export interface Asked extends Post {
  query?: object;
  body?: unknown;
}

/** What the operations need of a client. */
export interface Sender {
  /** The answer's JSON. Rejects with ApiError and Unreachable. */
  send<Answer>(method: string, path: string, asked?: Asked): Promise<Answer>;
  /** The answer's bytes. Rejects as `send` does. */
  fetch(method: string, path: string, asked?: Asked): Promise<Uint8Array>;
}

/** The path with its places filled, each as one segment. */
export function pathOf(template: string, ...values: string[]): string {
  return values.reduce((path, value) => path.replace(/{[^}]*}/, () => encodeURIComponent(value)), template);
}

/** Milliseconds before the next attempt, undefined where there is none. `attempt` counts from 0. */
export function waitBefore(attempt: number, retries: number, retryAfter: string | null): number | undefined {
  if (attempt >= retries) return undefined;
  if (retryAfter !== null && /^\d+$/.test(retryAfter)) return Math.min(Number(retryAfter) * 1000, LONGEST_WAIT_MS);
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (0.75 + Math.random() / 2);
}

export class Requests implements Sender {
  constructor(
    private readonly url: string,
    private readonly authorization: string,
    private readonly timeoutMs: number,
    private readonly retries: number,
  ) {}

  async send<Answer>(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const answer = await this.answer(method, path, asked);
    return json(await answer.text()) as Answer;
  }

  async fetch(method: string, path: string, asked: Asked = {}): Promise<Uint8Array> {
    return new Uint8Array(await (await this.answer(method, path, asked)).arrayBuffer());
  }

  private async answer(method: string, path: string, asked: Asked): Promise<Response> {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(asked.query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { Accept: 'application/json', Authorization: this.authorization };
    let body: string | undefined;
    if (method === 'POST') headers['Idempotency-Key'] = asked.idempotencyKey ?? randomUUID();
    if (method === 'POST' || asked.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      body = JSON.stringify(asked.body ?? {});
    }
    for (let attempt = 0; ; attempt++) {
      let refused: ApiError | Unreachable;
      let after: string | null = null;
      try {
        const signal = AbortSignal.timeout(this.timeoutMs);
        const answer = await fetch(url, { method, headers, body: body ?? null, signal, redirect: 'error' });
        if (answer.ok) return answer;
        const error = new ApiError(answer.status, json(await answer.text()), answer.statusText);
        if (!AGAIN.has(answer.status) && error.code !== 'request_in_progress') throw error;
        after = answer.headers.get('Retry-After');
        refused = error;
      } catch (error) {
        if (error instanceof ApiError) throw error;
        refused = new Unreachable(`The instance does not answer: ${words(error)}`);
      }
      const wait = waitBefore(attempt, this.retries, after);
      if (wait === undefined) throw refused;
      await sleep(wait);
    }
  }
}

function words(error: unknown): string {
  const cause = (error as { cause?: { code?: string } }).cause?.code;
  return cause ?? (error instanceof Error ? error.message : String(error));
}

function json(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
