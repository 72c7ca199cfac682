"""What the media plane costs beside stock aiortc, janus and rtpengine: `python -m bench.media`."""
