/* werift: WebRTC in TypeScript, with PCMU. */
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpHeader, RtpPacket } from 'werift';
import { Ear, decode, encode, serve, steadily, tone } from './lines.mjs';

const ear = new Ear();
const codec = new RTCRtpCodecParameters({ mimeType: 'audio/PCMU', clockRate: 8000, channels: 1, payloadType: 0 });
// The instance's own STUN server: without one it asks a public one, and waits where there is no way out.
const iceServers = [{ urls: 'stun:127.0.0.1:3478' }];
const pc = new RTCPeerConnection({ codecs: { audio: [codec], video: [] }, bundlePolicy: 'max-bundle', iceServers });
const track = new MediaStreamTrack({ kind: 'audio' });
const place = pc.addTransceiver(track, { direction: 'sendrecv' });
place.onTrack.subscribe((heard) => heard.onReceiveRtp.subscribe((packet) => ear.hear(decode(packet.payload), 8000)));

const next = tone(Number(process.argv[2]), 8000);
let sequenceNumber = 0;
steadily(20, () => {
  sequenceNumber = (sequenceNumber + 1) & 0xffff;
  const header = new RtpHeader({ payloadType: 0, sequenceNumber, timestamp: sequenceNumber * 160, ssrc: 4711 });
  track.writeRtp(new RtpPacket(header, encode(next(160))));
});

serve({
  async offer() {
    await pc.setLocalDescription(await pc.createOffer());
    while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return pc.localDescription.sdp;
  },
  accept: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
  heard: () => ear.frequency(),
});
