"""GStreamer's webrtcbin, run by the system's Python: the same lines in and out as the other drivers."""

import itertools
import json
import math
import sys
import threading
import time
from array import array

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

RATE = 8000
CAPS = "application/x-rtp,media=audio,encoding-name=PCMU,payload=0,clock-rate=8000"
Gst.init(None)
pipeline = Gst.parse_launch(
    "webrtcbin name=peer bundle-policy=max-bundle"
    f" audiotestsrc is-live=true wave=sine freq={sys.argv[1]} volume=0.4 ! audio/x-raw,rate={RATE},channels=1"
    f" ! mulawenc ! rtppcmupay pt=0 ! {CAPS} ! peer."
)
peer = pipeline.get_by_name("peer")
heard = array("h")
heard_at = [0.0]


def hear(sink):
    buffer = sink.emit("pull-sample").get_buffer()
    heard.frombytes(buffer.extract_dup(0, buffer.get_size()))
    heard_at[0] = time.monotonic()
    del heard[: max(0, len(heard) - RATE // 2)]
    return Gst.FlowReturn.OK


def listen(_, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    ear = Gst.parse_bin_from_description(
        f"rtppcmudepay ! mulawdec ! audioconvert ! audio/x-raw,format=S16LE,rate={RATE},channels=1"
        " ! appsink name=ear emit-signals=true sync=false",
        True,
    )
    ear.get_by_name("ear").connect("new-sample", hear)
    pipeline.add(ear)
    ear.sync_state_with_parent()
    pad.link(ear.get_static_pad("sink"))


def offer():
    promise = Gst.Promise.new()
    peer.emit("create-offer", None, promise)
    promise.wait()
    reply = promise.get_reply()
    made = reply.get_value("offer")
    taken = Gst.Promise.new()  # the offer lives as long as the first promise and its reply
    peer.emit("set-local-description", made, taken)
    taken.wait()
    while peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        time.sleep(0.02)
    return {"sdp": peer.get_property("local-description").sdp.as_text()}


def accept(sdp):
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(sdp.encode(), message)
    answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
    promise = Gst.Promise.new()
    peer.emit("set-remote-description", answer, promise)
    promise.wait()
    return {}


def frequency():
    samples = heard[:]
    if time.monotonic() - heard_at[0] > 0.5 or len(samples) < RATE // 4:
        return 0.0
    if math.sqrt(sum(one * one for one in samples) / len(samples)) < 300:
        return 0.0
    crossings = sum((one < 0) != (two < 0) for one, two in itertools.pairwise(samples))
    return crossings * RATE / 2 / len(samples)


def serve():
    for line in sys.stdin:
        asked = json.loads(line)
        match asked["do"]:
            case "offer":
                answer = offer()
            case "accept":
                answer = accept(asked["sdp"])
            case "heard":
                answer = {"heard": frequency()}
            case _:
                break
        print(json.dumps(answer), flush=True)
    loop.quit()


peer.connect("pad-added", listen)
pipeline.set_state(Gst.State.PLAYING)
loop = GLib.MainLoop()
threading.Thread(target=serve, daemon=True).start()
loop.run()
pipeline.set_state(Gst.State.NULL)
