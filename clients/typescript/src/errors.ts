/** What can go wrong, as errors. */

/** Any failure of this client. */
export class CallwrightError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** No answer came, after every attempt. */
export class Unreachable extends CallwrightError {}

/** A webhook that the instance did not sign with this secret, or that is too old. */
export class InvalidSignature extends CallwrightError {}

/** The event stream refuses this key, cursor or pattern. `code` as in the REST API. */
export class StreamRefused extends CallwrightError {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${message} (${code})`);
  }
}

interface Told {
  code?: string;
  message?: string;
  attribute?: string | null;
  url?: string;
  request_id?: string;
}

/** The instance answered with an error. The properties are those of the first one; `errors` are all. */
export class ApiError extends CallwrightError {
  readonly code: string;
  readonly attribute: string | null;
  readonly url: string | null;
  readonly requestId: string | null;
  readonly errors: readonly Told[];

  constructor(
    readonly status: number,
    body: unknown,
    words: string,
  ) {
    const found = (body as { errors?: unknown } | null)?.errors;
    const errors = Array.isArray(found) ? (found as Told[]) : [];
    const first = errors[0] ?? {};
    super(`${status} ${first.message ?? words}${first.code ? ` (${first.code})` : ''}`);
    this.errors = errors;
    this.code = first.code ?? '';
    this.attribute = first.attribute ?? null;
    this.url = first.url ?? null;
    this.requestId = first.request_id ?? null;
  }
}
