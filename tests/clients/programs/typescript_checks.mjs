/** What `@callwright/client` does with answers that a server was told to give, and with signatures; one JSON object. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

import { ApiError, Callwright, InvalidSignature, Unreachable, verify } from '@callwright/client';

let answers = [];
let got = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  got.push({ path: request.url, key: request.headers['idempotency-key'], body });
  const [status, headers, told] = answers.shift();
  response.writeHead(status, headers).end(typeof told === 'string' ? told : JSON.stringify(told));
}).listen(0, '127.0.0.1');
await new Promise((done) => server.once('listening', done));
const url = `http://127.0.0.1:${server.address().port}`;
const client = (options = {}) => new Callwright({ url, projectId: 'p', apiKey: 'k', ...options });
const script = (...given) => ((answers = given), (got = []));
const refusal = (code) => ({ errors: [{ code, message: 'No.', attribute: 'too', request_id: 'r' }] });
const again = { 'Retry-After': '0' };
const failure = (work) => work.then(() => undefined, (error) => error);
const told = {};

script([503, again, 'no json'], [429, again, refusal('x')], [409, again, refusal('request_in_progress')], [201, {}, { id: 'c1' }]);
const call = await client().calls.dial({ to: '/private/bob' });
told.calls = [call.id, got.length, new Set(got.map(({ key }) => key)).size];
script([200, {}, {}]);
await client().calls.hangup('c1', {}, { idempotencyKey: 'mine' });
told['own key'] = got[0].key;
script([422, {}, refusal('unknown_parameter')]);
const refused = await failure(client().calls.dial({ to: 'x' }));
told['at once'] = refused instanceof ApiError && [refused.status, refused.code, refused.attribute, got.length];
script(...Array(3).fill([503, again, refusal('x')]));
told['given up'] = [(await failure(client({ retries: 2 }).calls.list())).status, got.length];
const away = await failure(client({ url: 'http://127.0.0.1:9', retries: 0 }).calls.list());
told.away = away instanceof Unreachable && away.name;
script([200, {}, {}]);
await client().rooms.verb('a/b?c#é', 'lock');
told.path = got[0].path;
const links = { self: '', first: null, prev: null };
script(
  [200, {}, { data: [{ id: '1' }, { id: '2' }], links: { ...links, next: 'https://elsewhere.example.com/api/calls?page_token=t' } }],
  [200, {}, { data: [{ id: '3' }], links: { ...links, next: null } }],
);
told.pages = [];
for await (const { id } of client().every(await client().calls.list({ page_size: 2 }))) told.pages.push(id);
server.close();

const secret = `whsec_${Buffer.alloc(32, 's').toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 'o').toString('base64')}`;
const body = '{"id":"e1","type":"call.ended","data":{"name":"王"}}';
const now = Math.floor(Date.now() / 1000);
const sign = (stamp = now) =>
  `v1,${createHmac('sha256', Buffer.alloc(32, 's')).update(`e1.${stamp}.${body}`).digest('base64')}`;
const headers = { 'Webhook-Id': 'e1', 'webhook-timestamp': String(now), 'webhook-signature': `v1,AAAA ${sign()}` };
told.good = verify(secret, Buffer.from(body), headers).type;
told.rotated = verify([other, secret], body, headers).type;
const wrong = [
  [other, body, {}],
  [secret, `${body} `, {}],
  [secret, body, { 'Webhook-Id': 'e2' }],
  [secret, body, { 'webhook-timestamp': 'soon' }],
  [secret, body, { 'webhook-timestamp': '1', 'webhook-signature': sign(1) }],
  [secret, body, { 'webhook-signature': '' }],
  [secret, body, { 'webhook-signature': 'v1,' }],
  [secret, body, { 'webhook-signature': sign().replace('v1,', 'v1a,') }],
  ['whsec_!', body, {}],
];
told.refused = 0;
for (const [key, text, more] of wrong) {
  try {
    verify(key, text, { ...headers, ...more });
  } catch (error) {
    told.refused += error instanceof InvalidSignature ? 1 : 0;
  }
}
delete process.env.CALLWRIGHT_API_KEY;
try {
  new Callwright({ url });
} catch (error) {
  told['no key'] = error.message.includes('CALLWRIGHT_API_KEY');
}
console.log(JSON.stringify(told));
