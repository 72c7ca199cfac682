"""What an endpoint or gateway wants of its media, applied to descriptions of either side. Pure.

The worker offers plain RTP with the keys for SDES and for DTLS beside it, and answers with whatever an offer
has; here is left of both what the party may have. `required` and `disabled` are kept to, `optional` and
`default` take the best that both sides have. An SDES key counts for `required` only where the signalling that
carries it is encrypted itself (RFC 4568 section 7).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from calling.sdp import crypto, model, validate
from calling.sdp.validate import BadSdp
from calling.sip.edge.sdp_offers import fault_of, limited

PRIVATE = frozenset({"TLS", "WSS"})  # transports that nobody on the way can read
# What a DTLS handshake may choose (RFC 5764, RFC 7714); a list without one of them rules DTLS out.
DTLS_SUITES = frozenset({"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"})


@dataclass(frozen=True)
class Form:
    """How an offer of ours is made. keys: the attributes that carry them; who answers takes one kind."""

    profile: str
    keys: tuple[str, ...] = ()


PLAIN = Form("RTP/AVP")
EITHER = Form("RTP/AVP", ("crypto", "fingerprint"))  # best effort, as many phones write it (RFC 8643)
SECURE = Form("RTP/SAVP", ("crypto", "fingerprint"))
DTLS = Form("UDP/TLS/RTP/SAVP", ("fingerprint",))
NOT_ACCEPTABLE = frozenset({415, 488, 606})  # what a phone says to a form that it does not take


@dataclass(frozen=True)
class MediaPolicy:
    """encryption: default, optional, required or disabled. ciphers: SDES suites, best first, () for all.

    codecs: upper case names, best first, () for all. private: whether the signalling is encrypted.
    contradictory: what one side of ours asked for excludes what another one did.
    """

    encryption: str = "default"
    ciphers: Sequence[str] = ()
    codecs: Sequence[str] = ()
    private: bool = False
    contradictory: bool = False

    def narrowed(self, encryption: str, codecs: Sequence[str] | None) -> MediaPolicy:
        """This policy with what one call asks for besides; neither of the two is given up for the other.

        encryption: as in a policy, "" for nothing asked. codecs: upper case names, None for nothing asked.
        """
        settled = {"required", "disabled"}
        clash = {self.encryption, encryption} == settled
        wanted = encryption if encryption in settled else self.encryption
        kept: Sequence[str] = self.codecs
        if codecs is not None:
            kept = [name for name in codecs if not self.codecs or name in self.codecs]
            clash = clash or not kept
        return replace(self, encryption=wanted, codecs=tuple(kept), contradictory=clash)

    @property
    def required(self) -> bool:
        return self.encryption == "required"

    @property
    def disabled(self) -> bool:
        return self.encryption == "disabled"

    @property
    def suites(self) -> tuple[str, ...]:
        """The SDES suites that may be agreed on, best first."""
        if self.disabled or (self.required and not self.private):
            return ()
        return tuple(suite for suite in self.ciphers or crypto.SUITES if suite in crypto.SUITES)

    @property
    def dtls(self) -> bool:
        return not self.disabled and (not self.ciphers or set(self.ciphers) >= DTLS_SUITES)

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of a first offer, in the order to try them; () where none can be what is required."""
        if self.contradictory:
            return ()
        secure = (SECURE,) if self.private and self.suites else ()
        if self.required:
            return (*secure, *((DTLS,) if self.dtls else ()))
        return (EITHER, *secure) if secure else (PLAIN,)


def over_ice(sdp: str) -> bool:
    """Whether a description of ours is for WebRTC."""
    return "\r\na=ice-ufrag:" in sdp


def offered(sdp: str, form: Form, policy: MediaPolicy) -> str:
    """Our offer in that form. One over ICE has one form, and DTLS in it."""
    narrow = limited(sdp, policy.codecs)
    if over_ice(sdp):
        return narrow
    head, *sections = _sections(narrow)
    return head + "".join(_shaped(section, form, policy) for section in sections)


def _shaped(section: str, form: Form, policy: MediaPolicy) -> str:
    lines = section.split("\r\n")
    kind, port, _, *formats = lines[0].split()
    if port == "0":
        return section
    keys: list[str] = []
    if "crypto" in form.keys:
        ranks = {suite: rank for rank, suite in enumerate(policy.suites)}
        keys = [line for line in lines if line.startswith("a=crypto:") and line.split(" ")[1] in ranks]
        if policy.ciphers:
            keys.sort(key=lambda line: ranks[line.split(" ")[1]])
    if "fingerprint" in form.keys and policy.dtls:
        keys += [line for line in lines if _of_dtls(line)]
    rest = [line for line in lines[1:] if not line.startswith("a=crypto:") and not _of_dtls(line)]
    # Attributes stand last (RFC 8866 section 9): Linphone finds no c= behind one.
    place = next((at for at, line in enumerate(rest) if line.startswith("a=")), 0)
    return "\r\n".join([" ".join([kind, port, form.profile, *formats]), *rest[:place], *keys, *rest[place:]])


def form_of(sdp: str) -> Form | None:
    """The form of a description of ours, None where there is none to go by."""
    try:
        sections = model.of_phone(sdp).sections
    except BadSdp:
        return None
    section = next((each for each in sections if not each.rejected), None)
    if section is None:
        return None
    found = {"crypto": section.crypto, "fingerprint": section.fingerprints}
    return Form(section.profile, tuple(name for name, lines in found.items() if lines))


def taken(sdp: str, policy: MediaPolicy) -> str | None:
    """An offer of theirs with what the policy allows alone; None where nothing is left (488)."""
    head, *sections = _sections(sdp.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n"))
    if not policy.dtls:
        head = "\r\n".join(line for line in head.split("\r\n") if not _of_dtls(line))
    webrtc = validate.is_webrtc(sdp)
    left = head + "".join(_judged(section, head, policy, webrtc) for section in sections)
    narrow = limited(left, policy.codecs, strictly=True)
    return narrow if fault_of(narrow) is None else None


def _judged(section: str, head: str, policy: MediaPolicy, webrtc: bool) -> str:
    lines = section.split("\r\n")
    words = lines[0].split()
    if len(words) < 4 or words[1] == "0":
        return section
    profile = words[2].upper()
    signed = policy.dtls and _signed(lines, head, profile)
    # A key that others can read is second to a handshake that they cannot join.
    suites = () if signed and not policy.private else policy.suites
    kept = [line for line in lines if not line.startswith("a=crypto:") or _usable(line, suites)]
    if not policy.dtls:
        kept = [line for line in kept if not _of_dtls(line)]
    keyed = signed or (any(line.startswith("a=crypto:") for line in kept) and not profile.startswith("UDP/"))
    if keyed or (not policy.required and "SAVP" not in profile) or (webrtc and signed):
        return "\r\n".join(kept)
    return "\r\n".join([" ".join([words[0], "0", *words[2:]]), ""])


def _signed(lines: Sequence[str], head: str, profile: str) -> bool:
    """Whether a section is ready for DTLS, by a fingerprint that counts."""
    near = [*lines, *head.split("\r\n")]
    prints = any(line.startswith("a=fingerprint:") and validate.sound(line) for line in near)
    return prints and (profile.startswith("UDP/TLS/") or any(line.startswith("a=setup:") for line in near))


def _of_dtls(line: str) -> bool:
    return line.startswith(("a=fingerprint:", "a=setup:"))


def _usable(line: str, suites: Sequence[str]) -> bool:
    return crypto.choose([line.removeprefix("a=crypto:").strip()], suites) is not None


def settled(answer: str, sent: str, policy: MediaPolicy) -> str | None:
    """An answer of theirs to an offer of ours, with the kinds of keys that were offered alone.

    None where it is not what the policy allows; what cannot be read is the worker's to refuse.
    """
    form = form_of(sent) or PLAIN
    lines = answer.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    unasked = [name for name in ("crypto", "fingerprint", "setup") if _kind(name) not in form.keys]
    left = "\r\n".join(line for line in lines if not line.startswith(tuple(f"a={each}:" for each in unasked)))
    try:
        sections = model.of_phone(left).sections
    except BadSdp:
        return None if policy.required else left
    live = [each for each in sections if each.kind in ("audio", "video") and not each.rejected]
    if policy.required and not all(_keyed(each, policy) for each in live):
        return None
    if policy.disabled and any("SAVP" in each.profile.upper() for each in live):
        return None
    return left


def _kind(name: str) -> str:
    return "fingerprint" if name == "setup" else name


def _keyed(section: model.Section, policy: MediaPolicy) -> bool:
    ready = section.setup or section.profile.upper().startswith("UDP/")
    signed = bool(section.fingerprints and ready)
    return (policy.dtls and signed) or crypto.choose(section.crypto, policy.suites) is not None


def _sections(sdp: str) -> list[str]:
    return re.split(r"(?m)^(?=m=)", sdp)
