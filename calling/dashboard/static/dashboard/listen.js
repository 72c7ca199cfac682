// @ts-check
/** Listening in on a live call: one connection of its own, whose mode the platform enforces. */

import { t } from '../words.js';

const LOOK_MS = 2000;
const GATHER_MS = 2000; // a candidate that comes later is one of a server that hardly answers

const card = /** @type {HTMLElement} */ (document.getElementById('listen'));
const base = `${location.pathname}/listen`;
const token = /** @type {HTMLInputElement | null} */ (card.querySelector('[name=csrfmiddlewaretoken]'))?.value ?? '';
const status = /** @type {HTMLElement} */ (card.querySelector('[role=status]'));
const modes = /** @type {HTMLFieldSetElement} */ (card.querySelector('fieldset'));
const start = /** @type {HTMLButtonElement} */ (card.querySelector('[data-listen=start]'));
const end = /** @type {HTMLButtonElement} */ (card.querySelector('[data-listen=stop]'));
const speaker = new Audio();

/** @type {{pc: RTCPeerConnection, stream: MediaStream | null, leg: string, timer: number} | null} */
let now = null;

/** @param {string} path @param {object} [body]  with one it is a POST @param {boolean} [last]  the page is being left */
async function ask(path, body, last = false) {
  const response = await fetch(base + path, { method: body ? 'POST' : 'GET', keepalive: last, redirect: 'error',
    headers: { 'X-CSRFToken': token, 'Content-Type': 'application/json' }, ...(body ? { body: JSON.stringify(body) } : {}) });
  const found = await response.json().catch(() => ({ error: t('The server answered {status}.', { status: response.status }) }));
  if (!response.ok) throw new Error(found.error);
  return found;
}

/** @param {RTCPeerConnection} pc */
function gathered(pc) {
  return new Promise((done) => {
    if (pc.iceGatheringState === 'complete') return done(undefined);
    pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && done(undefined));
    return setTimeout(done, GATHER_MS);
  });
}

async function begin() {
  start.disabled = true;
  status.textContent = t('Connecting …');
  /** @type {RTCPeerConnection | null} */ let pc = null;
  /** @type {MediaStream | null} */ let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
    const { ice_servers: iceServers } = await ask('');
    pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    const track = stream?.getAudioTracks()[0];
    if (track) track.enabled = false;
    pc.addTransceiver(track ?? 'audio', { direction: track ? 'sendrecv' : 'recvonly' });
    pc.ontrack = ({ track: heard }) => {
      speaker.srcObject = new MediaStream([heard]);
      speaker.play().catch(() => {});
    };
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    let leg = await ask('', { sdp: pc.localDescription?.sdp, mode: 'listen' });
    for (let tries = 0; !leg.answer && tries < 10; tries += 1) leg = await ask(`/${leg.id}`);
    if (!leg.answer) throw new Error(t('The media worker did not answer.'));
    now = { pc, stream, leg: leg.id, timer: Number(setInterval(look, LOOK_MS)) };
    await pc.setRemoteDescription({ type: 'answer', sdp: leg.answer });
    show('listen');
  } catch (error) {
    pc?.close();
    stream?.getTracks().forEach((each) => each.stop());
    finish(/** @type {Error} */ (error).message);
  }
}

/** @param {string} mode */
function show(mode) {
  if (!now) return;
  start.hidden = true;
  end.hidden = modes.hidden = false;
  const speaks = mode !== 'listen';
  for (const track of now.stream?.getAudioTracks() ?? []) track.enabled = speaks;
  for (const choice of modes.querySelectorAll('input')) {
    choice.disabled = !now.stream && !choice.value.startsWith('listen');
    if (choice.value.split(':')[0] === mode && (mode !== 'whisper' || choice.checked)) choice.checked = true;
  }
  status.textContent = { listen: t('You hear the call. Nobody hears you.'), whisper: t('Only the chosen party hears you.'),
    barge: t('Everybody in the call hears you.') }[mode] + (now.stream ? '' : ` ${t('This page may not use the microphone.')}`);
}

async function change() {
  const chosen = /** @type {HTMLInputElement | null} */ (modes.querySelector('input:checked'));
  if (!now || !chosen) return;
  const [mode, leg] = chosen.value.split(':');
  if (mode === 'listen') for (const track of now.stream?.getAudioTracks() ?? []) track.enabled = false; // at once
  try {
    const found = await ask(`/${now.leg}`, leg ? { mode, leg } : { mode });
    show(found.mode);
  } catch (error) {
    status.textContent = /** @type {Error} */ (error).message;
  }
}

async function look() {
  const was = now;
  if (!was) return;
  const found = await ask(`/${was.leg}`).catch(() => ({ state: 'ended' }));
  if (now === was && (found.state === 'ended' || was.pc.connectionState === 'failed')) finish(t('The listening has ended.'));
}

/** @param {string} words */
function finish(words) {
  if (now) {
    clearInterval(now.timer);
    now.pc.close();
    now.stream?.getTracks().forEach((track) => track.stop());
  }
  now = null;
  speaker.srcObject = null;
  start.hidden = start.disabled = false;
  end.hidden = modes.hidden = true;
  /** @type {HTMLInputElement} */ (modes.querySelector('input')).checked = true;
  status.textContent = words;
}

start.addEventListener('click', begin);
end.addEventListener('click', () => {
  const leg = now?.leg;
  finish(t('You no longer hear the call.'));
  if (leg) ask(`/${leg}/stop`, {}).catch(() => {});
});
modes.addEventListener('change', change);
addEventListener('pagehide', () => now && ask(`/${now.leg}/stop`, {}, true).catch(() => {}));
card.hidden = false;
