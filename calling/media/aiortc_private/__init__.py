"""Everything that depends on private parts of aiortc, aioice and pylibsrtp. Nothing else may touch them.

aioice does ICE (`ice`) and aiortc does DTLS (`dtls`) over a socket that the packet path owns from the start;
libsrtp encrypts in place (`srtp`). The exact versions are pinned, and
tests/media/test_pinned_parts_have_not_moved.py says loudly when an upgrade moves a part. No codec, no RTP and
no call logic lives here.
"""
