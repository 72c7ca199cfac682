/** The scripted session (tests/clients/session.py) with `@callwright/client`; it verifies a webhook itself too. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { ApiError, Callwright, InvalidSignature, verify } from '@callwright/client';

const given = (name: string): string => process.env[name] ?? '';
const got: { body: Buffer; headers: IncomingHttpHeaders }[] = [];
const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  got.push({ body: Buffer.concat(parts), headers: request.headers });
  response.writeHead(204).end();
}).listen(0, '127.0.0.1');
await new Promise((done) => server.once('listening', done));
const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

const client = new Callwright();
const pair = await client.tokens.createSubscriberToken({ reference: given('SUBSCRIBER') });
const hook = await client.webhooks.create({ url: given('HOOK_URL'), events: ['call.*'] });
const ours = await client.webhooks.create({ url: own, events: ['call.*'] });
const events = client.stream({ after: await client.cursor(), types: ['call.*', 'say.*'] });
const call = await client.calls.dial({ to: given('PHONE'), connect: '/public/echo' });

/** Reads the stream until an event of that type came so often. */
async function until(type: string, times = 1): Promise<void> {
  while (times > 0) {
    const { value } = await events.next();
    if (!value || value.event.type === 'say.failed') throw new Error(JSON.stringify(value));
    if (value.event.type === type) times -= 1;
  }
}

await until('call.answered', 2);
await sleep(2000);
const said = await client.calls.say(call.id, { leg: 'callee', text: 'Hello from a client for Node.' });
if (said.verb !== 'say' || said.call_id !== call.id) throw new Error(JSON.stringify(said));
await until('say.finished');
await client.calls.record(call.id, { control_id: 'r', stereo: true });
await sleep(1000);
const held = await client.calls.hold(call.id, { leg: 'callee' });
if (held.legs[0]?.held_by !== 'local') throw new Error(JSON.stringify(held.legs));
await client.calls.resume(call.id, { leg: 'callee' });
await sleep(1000);
await client.calls.transfer(call.id, { leg: 'target', to: '/public/tone' });
await until('call.transferred');
await sleep(3000);
const pages = client.every(await client.calls.list({ page_size: 1 }));
await pages.next();
const second = (await pages.next()).value;
let code = 'none';
try {
  await client.calls.get('00000000-0000-0000-0000-000000000000');
} catch (error) {
  if (!(error instanceof ApiError) || error.status !== 404 || !error.requestId) throw error;
  code = error.code;
}
await client.calls.hangup(call.id);
await until('call.ended');
await events.return();
const first = got[0];
if (!first) throw new Error('no webhook came');
if (verify(ours.secret, first.body, first.headers).type !== 'call.created') throw new Error('another event');
try {
  verify(ours.secret, Buffer.concat([first.body, Buffer.from(' ')]), first.headers);
  code = 'a changed body was taken';
} catch (error) {
  if (!(error instanceof InvalidSignature)) throw error;
}
await client.webhooks.delete(ours.id);
server.close();
const answer = { token: pair.token, secret: hook.secret, call_id: call.id, code };
console.log(JSON.stringify({ ...answer, second_page: second?.id ?? '' }));
process.exit(0);
