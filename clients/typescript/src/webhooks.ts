/** Verifies webhooks as Standard Webhooks 1.0 signs them. */
import { createHmac, timingSafeEqual } from 'node:crypto';

import { InvalidSignature } from './errors.js';
import type { Event } from './types.js';

export interface VerifyOptions {
  /** Seconds that the timestamp may be away from `now`; by default 300. */
  tolerance?: number;
  /** Unix time in seconds; by default this machine's. */
  now?: number;
}

type Headers = Record<string, string | string[] | undefined>;

/**
 * The event of a delivery. Throws InvalidSignature.
 *
 * `secret`: `whsec_…`, or several while one is rotated. `body`: the raw bytes, not parsed and written again.
 * `headers`: as `request.headers` of node:http has them.
 */
export function verify(
  secret: string | readonly string[],
  body: string | Uint8Array,
  headers: Headers,
  { tolerance = 300, now = Date.now() / 1000 }: VerifyOptions = {},
): Event {
  const given = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value ?? '')]));
  const id = given.get('webhook-id') ?? '';
  const stamp = given.get('webhook-timestamp') ?? '';
  if (!id || !/^\d+$/.test(stamp)) throw new InvalidSignature('webhook-id and webhook-timestamp are missing.');
  if (Math.abs(now - Number(stamp)) > tolerance) throw new InvalidSignature('The timestamp is too old or too new.');
  const raw = Buffer.from(body);
  const wanted = (typeof secret === 'string' ? [secret] : secret).map((each) =>
    createHmac('sha256', keyOf(each)).update(`${id}.${stamp}.`).update(raw).digest(),
  );
  const found = (given.get('webhook-signature') ?? '')
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .map((each) => Buffer.from(each.slice(3), 'base64'));
  const fits = found.some((one) => wanted.some((other) => one.length === other.length && timingSafeEqual(one, other)));
  if (!fits) throw new InvalidSignature('No signature fits.');
  const event: unknown = JSON.parse(raw.toString());
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new InvalidSignature('The body is no event.');
  }
  return event as Event;
}

function keyOf(secret: string): Buffer {
  const text = secret.replace(/^whsec_/, '');
  if (!/^[A-Za-z0-9+/]+=*$/.test(text)) throw new InvalidSignature('The secret is whsec_ and base64.');
  return Buffer.from(text, 'base64');
}
