"""The embedded STUN and TURN server (RFC 8489, RFC 5766) over UDP, for devices that cannot reach media ports.

It relays only to this instance's media address and ports, so its credentials open nothing else.
`python -m config.embedded.turn` runs it; a large site uses coturn and CALLWRIGHT_ICE_SERVERS instead.
"""
