/** The client: an instance, a project's key, and every operation by its resource. */
import { CallwrightError } from './errors.js';
import { Resources } from './operations.js';
import { Requests } from './request.js';
import { follow } from './stream.js';
import type { Links, LogEntry } from './types.js';

export interface Options {
  /** By default CALLWRIGHT_URL, else http://localhost:8000. */
  url?: string;
  /** By default CALLWRIGHT_PROJECT_ID. */
  projectId?: string;
  /** By default CALLWRIGHT_API_KEY, which may be `project-id:key`. */
  apiKey?: string;
  /** Milliseconds for one attempt; by default 30000. */
  timeoutMs?: number;
  /** Attempts after the first; by default 4. */
  retries?: number;
}

export interface Page<Entry> {
  data: Entry[];
  links: Links;
}

export interface StreamOptions {
  /** A cursor to begin after; by default from now on. */
  after?: string;
  /** Patterns, such as `call.*`; by default every event. */
  types?: readonly string[];
  /** Ends the stream. */
  signal?: AbortSignal;
}

export class Callwright extends Resources {
  private readonly url: string;
  private readonly projectId: string;
  private readonly apiKey: string;
  private readonly requests: Requests;

  constructor({ url, projectId, apiKey, timeoutMs = 30_000, retries = 4 }: Options = {}) {
    const base = (url ?? process.env.CALLWRIGHT_URL ?? 'http://localhost:8000').replace(/\/+$/, '');
    if (!/^https?:\/\//.test(base)) throw new CallwrightError(`${base} is no http:// or https:// address.`);
    let project = projectId ?? process.env.CALLWRIGHT_PROJECT_ID ?? '';
    let key = apiKey ?? process.env.CALLWRIGHT_API_KEY ?? '';
    if (key.includes(':')) [project = '', key = ''] = key.split(':', 2);
    if (!project || !key) {
      throw new CallwrightError('No key: give projectId and apiKey, or set CALLWRIGHT_API_KEY to project-id:key.');
    }
    const basic = `Basic ${Buffer.from(`${project}:${key}`).toString('base64')}`;
    const requests = new Requests(base, basic, timeoutMs, retries);
    super(requests);
    this.url = base;
    this.projectId = project;
    this.apiKey = key;
    this.requests = requests;
  }

  /** The entries of a list and of all its next pages. */
  async *every<Entry>(page: Page<Entry>): AsyncGenerator<Entry, void, undefined> {
    for (;;) {
      yield* page.data;
      if (!page.links.next) return;
      // The path alone: the same instance is asked, however it names itself.
      const { pathname, search } = new URL(page.links.next);
      page = await this.requests.send<Page<Entry>>('GET', pathname + search);
    }
  }

  /** Events without end. Restarts of the instance lose none. Throws StreamRefused. */
  async *stream({ after, types, signal }: StreamOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    yield* follow({
      url: `${this.url.replace(/^http/, 'ws')}/ws/events`,
      projectId: this.projectId,
      apiKey: this.apiKey,
      after: after ?? (await this.cursor()),
      types,
      signal,
    });
  }

  /** The cursor behind the newest event: a stream that begins there misses nothing from now on. */
  async cursor(): Promise<string> {
    const { links } = await this.events.list({ after: 'latest', page_size: 1 });
    return new URL(links.next ?? '').searchParams.get('after') ?? '';
  }
}
