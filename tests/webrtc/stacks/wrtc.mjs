/* libwebrtc by @roamhq/wrtc. */
import wrtc from '@roamhq/wrtc';
import { Ear, serve, steadily, tone } from './lines.mjs';

const RATE = 48000;
const { RTCAudioSink, RTCAudioSource } = wrtc.nonstandard;
const source = new RTCAudioSource();
const ear = new Ear();
const pc = new wrtc.RTCPeerConnection({ bundlePolicy: 'max-bundle' });
pc.addTrack(source.createTrack());
pc.ontrack = ({ track }) => {
  new RTCAudioSink(track).ondata = ({ samples, sampleRate }) => ear.hear(samples, sampleRate);
};
const next = tone(Number(process.argv[2]), RATE);
steadily(10, () => source.onData({ samples: next(480), sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 }));

let offers = 0;
serve({
  async offer() {
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: offers++ > 0 }));
    while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return pc.localDescription.sdp;
  },
  accept: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
  heard: () => ear.frequency(),
});
