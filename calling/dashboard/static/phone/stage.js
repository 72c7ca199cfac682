// @ts-check
/** The pictures of a call: one tile per arriving picture, the own one small in the corner. */

import { make } from './elements.js';
import { t } from '../words.js';

const STILL_MS = 5000; // a place that shows nothing new for so long has nobody in front of it any more

/** @param {import('../callwright.js').Call} call */
export function stage(call) {
  const own = make('video', { className: 'own', muted: true, autoplay: true, playsInline: true, 'aria-label': t('Your picture') });
  const element = make('div', { className: 'stage', hidden: true });
  /** @type {Map<string, HTMLVideoElement>} */
  const tiles = new Map();

  const arrange = () => {
    const shown = [...tiles.values()].filter((tile) => !tile.hidden).length;
    const sends = !call.isVideoMuted && !!call.localStream?.getVideoTracks().length;
    if (sends && own.srcObject !== call.localStream) own.srcObject = call.localStream;
    own.hidden = !sends;
    if (sends && !own.isConnected) element.append(own);
    element.dataset.pictures = String(shown);
    element.hidden = !shown && !sends;
  };

  call.on('track', (track) => {
    if (track.kind !== 'video') return;
    const tile = make('video', { muted: true, autoplay: true, playsInline: true, hidden: track.muted,
      'aria-label': t('Picture {number}', { number: tiles.size + 1 }) });
    tile.srcObject = new MediaStream([track]);
    tiles.set(track.id, tile);
    element.prepend(tile);
    // A place without a sender behind it is `muted`: it stays out of the layout until something arrives.
    const show = (/** @type {boolean} */ on) => ((tile.hidden = !on), on && tile.play?.().catch(() => {}), arrange());
    track.onunmute = track.onmute = () => show(!track.muted);
    // In a room a place is given to another member, or to nobody, without a word: only the frames tell.
    let [frames, since] = [0, Date.now()];
    const watch = setInterval(() => {
      const now = tile.getVideoPlaybackQuality?.().totalVideoFrames ?? frames;
      const still = now === frames;
      if (!still) [frames, since] = [now, Date.now()];
      if (still && Date.now() - since < STILL_MS) return;
      if (frames && tile.hidden !== (still || track.muted)) show(!still && !track.muted);
    }, 1000);
    const remove = () => (clearInterval(watch), tile.remove(), tiles.delete(track.id), arrange());
    track.onended = remove;
    call.on('ended', () => clearInterval(watch));
    arrange();
  });
  return { element, arrange };
}
