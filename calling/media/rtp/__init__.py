"""The packet path: RTP from socket to socket, without decoding what can be forwarded.

A Port is one leg's media: inlets (what it sends) and outlets (what it gets). `Port.hears(source)` and
`Port.sees(source)` route without renegotiation; a source is another Port, a Producer or None.
"""
