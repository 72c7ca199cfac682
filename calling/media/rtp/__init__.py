"""The packet path: RTP from socket to socket, without decoding what can be forwarded.

A MediaPort is one leg's media: receivers (what it sends) and senders (what it gets).
`MediaPort.set_audio_source(source)` and
`MediaPort.set_video_source(source)` route without renegotiation; a source is another MediaPort, a Producer
or None.
"""
