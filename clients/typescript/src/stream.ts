/** The project's events as they happen, over `/ws/events`. A lost connection is opened again at the last cursor. */
import { setTimeout as sleep } from 'node:timers/promises';

import WebSocket from 'ws';

import { StreamRefused } from './errors.js';
import type { LogEntry } from './types.js';

const OPEN_MS = 15_000;
const LONGEST_WAIT_MS = 10_000;
const LARGEST_FRAME = 4 * 1024 * 1024;
const MOST_WAITING = 1000;

export interface Place {
  url: string;
  projectId: string;
  apiKey: string;
  after: string;
  types: readonly string[] | undefined;
  signal: AbortSignal | undefined;
}

/** Entries without end, each with the `cursor` to come back with and the `event`; ended by `signal`. */
export async function* follow(place: Place): AsyncGenerator<LogEntry, void, undefined> {
  let after = place.after;
  for (let attempt = 1; !place.signal?.aborted; attempt++) {
    for await (const entry of connection({ ...place, after })) {
      after = entry.cursor;
      attempt = 0;
      yield entry;
    }
    const wait = Math.min(250 * 2 ** attempt, LONGEST_WAIT_MS);
    await sleep(wait, undefined, place.signal ? { signal: place.signal } : {}).catch(() => undefined);
  }
}

/** The entries of one connection, until it is lost. Throws StreamRefused where another cannot help. */
async function* connection(place: Place): AsyncGenerator<LogEntry, void, undefined> {
  const socket = new WebSocket(place.url, { handshakeTimeout: OPEN_MS, maxPayload: LARGEST_FRAME });
  const waiting: LogEntry[] = [];
  let wake = () => {};
  let closed: number | undefined;
  let told: StreamRefused | undefined;
  const { projectId: project_id, apiKey: api_token, after, types } = place;
  socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', project_id, api_token, after, types })));
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Record<string, string> & LogEntry;
    if (message.cursor && message.event) waiting.push(message);
    else if (message.type === 'error') told = new StreamRefused(message.code ?? '', message.message ?? '');
    if (waiting.length >= MOST_WAITING) socket.pause();
    wake();
  });
  socket.on('error', () => {}); // `close` follows
  socket.on('close', (code) => {
    closed = code;
    wake();
  });
  const abort = () => socket.terminate();
  place.signal?.addEventListener('abort', abort);
  try {
    while (!place.signal?.aborted) {
      const entry = waiting.shift();
      if (entry) {
        if (socket.isPaused && waiting.length < MOST_WAITING / 2) socket.resume();
        yield entry;
      } else if (closed !== undefined) {
        if (told && (closed === 4401 || closed === 4409)) throw told;
        if (closed === 4401) throw new StreamRefused('unauthorized', 'The key is not valid.');
        return;
      } else {
        await new Promise<void>((done) => (wake = done));
      }
    }
  } finally {
    place.signal?.removeEventListener('abort', abort);
    socket.terminate();
  }
}
