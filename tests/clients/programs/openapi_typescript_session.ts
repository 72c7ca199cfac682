/** The scripted session (tests/clients/session.py) with the types of openapi-typescript and openapi-fetch. */
import createClient from 'openapi-fetch';

import type { paths } from './schema.js';

const given = (name: string): string => process.env[name] ?? '';
const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));
const key = Buffer.from(`${given('CALLWRIGHT_PROJECT_ID')}:${given('CALLWRIGHT_API_KEY')}`).toString('base64');
const client = createClient<paths>({
  baseUrl: given('CALLWRIGHT_URL'),
  headers: { Authorization: `Basic ${key}` },
});

/** The answer's data, or an Error with what the instance said. */
function good<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const reference = given('SUBSCRIBER');
const pair = good(await client.POST('/api/fabric/subscribers/tokens', { body: { reference } }));
const hook = good(
  await client.POST('/api/webhooks', { body: { url: given('HOOK_URL'), events: ['call.*'] } }),
);
const call = good(
  await client.POST('/api/calls', { body: { to: given('PHONE'), connect: '/public/echo' } }),
);
const params = { path: { call_id: call.id } };
const deadline = Date.now() + 60_000;
const late = () => {
  if (Date.now() > deadline) throw new Error('it did not happen');
};
while (good(await client.GET('/api/calls/{call_id}', { params })).state !== 'answered') {
  late();
  await sleep(0.2);
}
await sleep(2);
const text = 'Hello from a client that was generated.';
const said = good(await client.POST('/api/calls/{call_id}/say', { params, body: { leg: 'callee', text } }));
if (said.verb !== 'say' || said.call_id !== call.id) throw new Error(JSON.stringify(said));
const log = async (): Promise<string[]> => {
  const query = { page_size: 200 };
  const { data } = good(
    await client.GET('/api/calls/{call_id}/events', { params: { ...params, query } }),
  );
  return data.map((entry) => entry.type);
};
while (!(await log()).includes('say.finished')) {
  late();
  await sleep(0.5);
}
good(await client.POST('/api/calls/{call_id}/record', { params, body: { control_id: 'r', stereo: true } }));
await sleep(1);
const held = good(await client.POST('/api/calls/{call_id}/hold', { params, body: { leg: 'callee' } }));
if (held.legs[0]?.held_by !== 'local') throw new Error(JSON.stringify(held.legs));
good(await client.POST('/api/calls/{call_id}/resume', { params, body: { leg: 'callee' } }));
await sleep(1);
const moved = { leg: 'target', to: '/public/tone' };
good(await client.POST('/api/calls/{call_id}/transfer', { params, body: moved }));
await sleep(4);
const first = good(await client.GET('/api/calls', { params: { query: { page_size: 1 } } }));
const page_token = new URL(first.links.next ?? '').searchParams.get('page_token') ?? '';
const second = good(await client.GET('/api/calls', { params: { query: { page_size: 1, page_token } } }));
const unknown = { path: { call_id: '00000000-0000-0000-0000-000000000000' } };
const refused = await client.GET('/api/calls/{call_id}', { params: unknown });
good(await client.POST('/api/calls/{call_id}/hangup', { params, body: {} }));
console.log(
  JSON.stringify({
    token: pair.token,
    secret: hook.secret,
    call_id: call.id,
    second_page: second.data[0]?.id ?? '',
    code: refused.error?.errors[0]?.code ?? 'none',
  }),
);
