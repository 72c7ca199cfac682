// @ts-check
/** How good a call sounds here: loss, jitter and round trip from getStats, and the MOS that follows from them. */

/** The E-model (ITU-T G.107) in its usual short form for a wideband codec with concealment.
 * @param {number} loss  share 0 to 1 @param {number} jitter  seconds @param {number} rtt  seconds @returns {number} 1 to 4.5 */
export function mos(loss, jitter, rtt) {
  const delay = (rtt / 2 + jitter * 2) * 1000 + 20;
  const delayed = delay < 160 ? delay / 40 : (delay - 120) / 10;
  const rating = Math.max(0, Math.min(100, 93.2 - delayed - 2.5 * loss * 100));
  return 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating);
}

/** @typedef {{mos: number, loss: number, jitter: number, rtt: number, codec: string, bars: number}} Quality */

/** A meter for one call: each reading covers the time since the one before. */
export class Meter {
  #lost = 0;
  #received = 0;

  /** @param {RTCPeerConnection} connection @returns {Promise<Quality | null>} null until sound arrives */
  async read(connection) {
    const reports = await connection.getStats();
    let inbound, rtt = 0;
    for (const report of reports.values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'audio') inbound = report;
      if (report.type === 'candidate-pair' && report.nominated) rtt = report.currentRoundTripTime ?? rtt;
    }
    if (!inbound?.packetsReceived) return null;
    const lost = Math.max(0, (inbound.packetsLost ?? 0) - this.#lost);
    const received = Math.max(0, inbound.packetsReceived - this.#received);
    this.#lost = inbound.packetsLost ?? 0;
    this.#received = inbound.packetsReceived;
    const loss = lost + received ? lost / (lost + received) : 0;
    const jitter = inbound.jitter ?? 0;
    const score = mos(loss, jitter, rtt);
    const codec = reports.get(inbound.codecId)?.mimeType?.replace('audio/', '') ?? '';
    const bars = score >= 4.2 ? 5 : score >= 3.9 ? 4 : score >= 3.4 ? 3 : score >= 2.6 ? 2 : 1;
    return { mos: score, loss, jitter, rtt, codec, bars };
  }
}
