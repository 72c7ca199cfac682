"""What an SDP says can flow, read line by line (RFC 8866, RFC 3264). Pure; validation is the media gate's."""

from __future__ import annotations

from calling.machine.states import Media

DIRECTIONS = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}


def media_of_sdp(sdp: str) -> Media:
    """The media of an offer, from its maker's point of view: the union over its sections of each kind."""
    session = "sendrecv"
    sections: list[list[str]] = []
    for line in sdp.splitlines():
        line = line.strip()
        if line.startswith("m="):
            fields = line[2:].split()
            kind, port = (fields[0] if fields else "", fields[1] if len(fields) > 1 else "0")
            sections.append([kind, session, port])
        elif line.startswith("a=") and line[2:] in DIRECTIONS:
            if sections:
                sections[-1][1] = line[2:]
            else:
                session = line[2:]
    flows = {"audio": [False, False], "video": [False, False]}
    for kind, direction, port in sections:
        if kind in flows and port != "0":
            send, receive = DIRECTIONS[direction]
            flows[kind][0] |= send
            flows[kind][1] |= receive
    return Media(flows["audio"][0], flows["video"][0], flows["audio"][1], flows["video"][1])


def narrowed(offered: Media | None, wish: Media | None) -> Media:
    """`sdp` says what can flow; `media` narrows it (contract 6)."""
    if offered is None or wish is None:
        return offered or wish or Media()
    return Media(
        offered.audio and wish.audio,
        offered.video and wish.video,
        offered.receive_audio and wish.receive_audio,
        offered.receive_video and wish.receive_video,
    )
