// @ts-check
/** The pictures of a call: one tile per arriving picture, the own one small in the corner. */

import { make } from './elements.js';

/** @param {import('../callwright.js').Call} call */
export function stage(call) {
  const own = make('video', { className: 'own', muted: true, autoplay: true, playsInline: true, 'aria-label': 'Your picture' });
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
      'aria-label': `Picture ${tiles.size + 1}` });
    tile.srcObject = new MediaStream([track]);
    tiles.set(track.id, tile);
    element.prepend(tile);
    // A place without a sender behind it is `muted`: it stays out of the layout until something arrives.
    const show = () => ((tile.hidden = track.muted), tile.play?.().catch(() => {}), arrange());
    track.onunmute = track.onmute = show;
    track.onended = () => (tile.remove(), tiles.delete(track.id), arrange());
    arrange();
  });
  return { element, arrange };
}
