/* libdatachannel by node-datachannel, with PCMU in packets of our own. */
import nodeDataChannel from 'node-datachannel';
import { Ear, decode, encode, serve, steadily, tone } from './lines.mjs';

const SSRC = 4712;
const ear = new Ear();
const pc = new nodeDataChannel.PeerConnection('device', { iceServers: [], disableAutoNegotiation: true });
const media = new nodeDataChannel.Audio('audio', 'SendRecv');
media.addAudioCodec(0, 'PCMU');
media.addSSRC(SSRC, 'device');
const track = pc.addTrack(media);
track.onMessage((packet) => {
  const payload = packet[1] & 127;
  if (payload === 0) ear.hear(decode(packet.subarray(12 + 4 * (packet[0] & 15))), 8000);
});

const next = tone(Number(process.argv[2]), 8000);
let number = 0;
steadily(20, () => {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head.writeUInt16BE(number++ & 0xffff, 2);
  head.writeUInt32BE((number * 160) >>> 0, 4);
  head.writeUInt32BE(SSRC, 8);
  if (track.isOpen()) track.sendMessageBinary(Buffer.concat([head, encode(next(160))]));
});

serve({
  async offer() {
    pc.setLocalDescription('offer');
    while (pc.gatheringState() !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return pc.localDescription().sdp;
  },
  accept: async (sdp) => pc.setRemoteDescription(sdp, 'answer'),
  heard: () => ear.frequency(),
});
