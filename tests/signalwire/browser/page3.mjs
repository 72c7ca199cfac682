// A page of an integrator with version 3 of the SDK, under the names that `page.mjs` has for version 4.
import * as sdk from '/bundle3.js';
import { attach, calls } from '/media.mjs';
import { walkable } from '/walk.mjs';

const { SignalWire } = sdk;

const seen = { errors: [], incoming: [], invites: new Map() };
let client;
let next = 0;

window.addEventListener('unhandledrejection', ({ reason }) => seen.errors.push(String(reason?.message ?? reason)));

const EVENTS = ['call.joined', 'call.left', 'room.subscribed', 'member.joined', 'member.left', 'member.updated',
  'room.updated', 'media.connected', 'destroy', 'active', 'hangup', 'layout.changed'];
function keep(call, name = `call${next++}`) {
  const one = { call, statuses: [], members: new Map() };
  calls.set(name, one);
  for (const event of EVENTS) {
    call.on(event, (told) => {
      one.statuses.push(event);
      for (const each of told?.room_session?.members ?? []) one.members.set(each.member_id, each);
      if (told?.member && event !== 'member.left') {
        one.members.set(told.member.member_id, { ...one.members.get(told.member.member_id), ...told.member });
      }
      if (event === 'member.left') one.members.delete(told.member.member_id);
    });
  }
  call.on('track', ({ streams }) => { if (streams[0]) attach(one, streams[0]); });
  return name;
}

window.start = async (token) => {
  client = await SignalWire({ token });
  await client.online({ incomingCallHandlers: { all: ({ invite }) => {
    const name = `call${next++}`;
    seen.incoming.push(name);
    seen.invites.set(name, invite);
  } } });
  return true;
};
window.errors = () => seen.errors;
window.incoming = () => seen.incoming;
window.statuses = (name) => calls.get(name).statuses;
window.dial = async (to, options) => {
  const call = await client.dial({ to, ...options });
  const name = keep(call);
  calls.get(name).started = call.start().then(() => calls.get(name).statuses.push('started'),
    (error) => { calls.get(name).statuses.push('refused'); seen.errors.push(String(error?.message ?? error)); });
  return { call: name };
};
window.answer = async (name, options) => { keep(await seen.invites.get(name).accept(options), name); };
window.reject = (name) => seen.invites.get(name).reject();
// What a method of the call answers, or its error; `pending` where it does neither within `seconds`.
window.act = async (name, method, given = [], seconds = 5) => {
  const late = new Promise((resolve) => setTimeout(() => resolve({ error: 'pending' }), seconds * 1000));
  const work = (async () => {
    try {
      const value = await calls.get(name).call[method](...given);
      return { value: JSON.parse(JSON.stringify(value ?? null)) };
    } catch (error) {
      return { error: String(error?.message ?? JSON.stringify(error)) };
    }
  })();
  return Promise.race([work, late]);
};
window.hangup = (name) => window.act(name, 'hangup');
window.self = (name) => { const { call } = calls.get(name); return call.memberId ? { id: call.memberId } : null; };
window.members = (name) => [...calls.get(name).members.values()].map((each) => ({
  name: each.name, muted: each.audio_muted, videoMuted: each.video_muted, raised: each.handraised, deaf: each.deaf, id: each.member_id,
}));
window.facts = (name) => {
  const { capabilities: may } = calls.get(name).call;
  return { mute: may?.self.muteAudio.on, flags: may?.self.audioFlags, digit: may?.sendDigit, lock: may?.lock.on,
    layout: may?.setLayout, end: may?.end, others: may?.member.muteAudio.on };
};
window.about = async () => {
  const info = await client.getSubscriberInfo();
  const { data } = await client.address.getAddresses();
  return { email: info.email, addresses: data.map((each) => each.name) };
};
window.offline = () => client.offline();
walkable((name) => ({ SignalWire: client, FabricRoomSession: calls.get(name)?.call, exports: sdk }));
window.loaded = true;
