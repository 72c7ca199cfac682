"""RFC 4475 3.1.2 (syntactically invalid) and 3.2 to 3.4 (valid syntax, odd meaning), by their names there."""

# ruff: noqa: E501 (one message, one line)
from __future__ import annotations

from tests.sip.torture import sdp_of_rfc, wire


def _message(start: str, call_id: str, cseq: str, *lines: str, body: str = "", **changed: str) -> bytes:
    """A message of the RFC's usual headers; a keyword replaces one (`to`, `from_`, `via`, `hops`, `length`)."""
    fixed = [
        f"To: {changed.get('to', 'sip:user@example.com')}",
        f"From: {changed.get('from_', 'sip:caller@example.net;tag=34525')}",
        f"Max-Forwards: {changed.get('hops', '70')}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
        f"Via: {changed.get('via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw')}",
    ]
    typed = ["Content-Type: application/sdp"] if body and "type" not in changed else []
    length = [f"Content-Length: {changed.get('length', '{length}')}"]
    return wire("\n".join([start, *fixed, *lines, *typed, *length]), body)


_CONTACT = "Contact: <sip:caller@host1.example.net>"
_BODY = sdp_of_rfc("192.0.2.1")

INVALID: dict[str, tuple[bytes, int]] = {
    "badinv01": (
        _message(
            "INVITE sip:user@example.com SIP/2.0", "badinv01.0ha0isndaksdjasdf3234nas", "8 INVITE",
            'Contact: "Joe" <sip:joe@example.org>;;;;', via="SIP/2.0/UDP 192.0.2.15;;,;,,", body=_BODY),
        400),
    "clerr": (
        _message(
            "INVITE sip:user@example.com SIP/2.0", "clerr.0ha0isndaksdjweiafasdk3", "8 INVITE", _CONTACT,
            length="9999", body=_BODY),
        400),
    "ncl": (
        _message(
            "INVITE sip:user@example.com SIP/2.0", "ncl.0ha0isndaksdj2193423r542w35", "0 INVITE", _CONTACT,
            length="-999", body=_BODY),
        400),
    "scalar02": (
        _message(
            "REGISTER sip:example.com SIP/2.0", "scalar02.23o0pd9vanlq3wnrlnewofjas9ui32",
            "36893488147419103232 REGISTER", f"Expires: 1{'0' * 100}",
            "Contact: <sip:user@host129.example.com>\n  ;expires=280297596632815", hops="300"),
        400),
    "quotbal": (
        _message(
            "INVITE sip:user@example.com SIP/2.0", "quotbal.aksdj", "8 INVITE", _CONTACT,
            to='"Mr. J. User <sip:j.user@example.com>', body=_BODY),
        400),
    "ltgtruri": (
        _message(
            "INVITE <sip:user@example.com> SIP/2.0", "ltgtruri.1@192.0.2.5", "1 INVITE", _CONTACT, body=_BODY),
        400),
    "lwsruri": (
        _message(
            "INVITE sip:user@example.com; lr SIP/2.0", "lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423",
            "2130706432 INVITE", _CONTACT, to="sip:user@example.com;tag=3xfe-9921883-z9f", body=_BODY),
        400),
    "lwsstart": (
        _message(
            "INVITE  sip:user@example.com  SIP/2.0", "lwsstart.dfknq234oi243099adsdfnawe3@example.com",
            "1893884 INVITE", _CONTACT, body=_BODY),
        400),
    "trws": (
        _message(
            "OPTIONS sip:remote-target@example.com SIP/2.0  ", "trws.oicu34958239neffasdhr2345r",
            "238923 OPTIONS", "Accept: application/sdp"),
        400),
    "escruri": (
        _message(
            "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0",
            "escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5", "149209342 INVITE", _CONTACT, body=_BODY),
        400),
    "regbadct": (
        _message(
            "REGISTER sip:example.com SIP/2.0", "regbadct.k345asrl3fdbv@10.0.0.1", "1 REGISTER",
            "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        400),
    "badvers": (
        _message(
            "OPTIONS sip:t.watson@example.org SIP/7.0", "badvers.31417@c.example.com", "1 OPTIONS",
            via="SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"),
        505),
    "mismatch01": (
        _message("OPTIONS sip:user@example.com SIP/2.0", "mismatch01.dj0234sxdfl3", "8 INVITE", hops="6"), 400),
    "mismatch02": (
        _message(
            "NEWMETHOD sip:user@example.com SIP/2.0", "mismatch02.dj0234sxdfl3", "8 INVITE", _CONTACT,
            body=_BODY),
        400),
    "insuf": (
        wire(
            "INVITE sip:user@example.com SIP/2.0\nCSeq: 193942 INVITE\n"
            "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\nContent-Type: application/sdp\nl: {length}",
            _BODY),
        400),
    "unkscm": (
        _message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
                 "unkscm.nasdfasser0q239nwsdfasdkl34", "3923423 OPTIONS"),
        416),
    "novelsc": (
        _message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
                 "novelsc.asdfasser0q239nwsdfasdkl34", "3923423 OPTIONS"),
        416),
    "multi01": (
        _message(
            "INVITE sip:user@company.com SIP/2.0", "multi01.98asdh@192.0.2.1", "59 INVITE", _CONTACT,
            "Call-ID: multi01.98asdh@192.0.2.2", "CSeq: 60 INVITE", "From: sip:other@example.net;tag=3413415",
            "To: sip:other@example.net", "Max-Forwards: 5", body=_BODY),
        400),
    "mcl01": (
        _message(
            "OPTIONS sip:user@example.com SIP/2.0", "mcl01.fhn2323orihawfdoa3o4r52o3irsdf", "15932 OPTIONS",
            "Content-Length: 13", length="5", body="There's no way to know how many octets are here.\n"),
        400),
}  # fmt: skip

INVALID_RESPONSES: dict[str, bytes] = {
    "scalarlg": _message(
        "SIP/2.0 503 Service Unavailable", "scalarlg.noase0of0234hn2qofoaf0232aewf2394r",
        "9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304023988",
        'Warning: 1812 overture "In Progress"'),
    "bigcode": _message(
        "SIP/2.0 4294967301 better not break the receiver",
        "bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i", "353494 INVITE", _CONTACT),
}  # fmt: skip

# What a receiver may take liberally, and what is only odd in its meaning.
OTHER: dict[str, bytes] = {
    "baddate": _message(
        "INVITE sip:user@example.com SIP/2.0", "baddate.239423mnsadf3j23lj42--sedfnm234", "1392934 INVITE",
        "Date: Fri, 01 Jan 2010 16:00:00 EST", _CONTACT, body=_BODY),
    "badaspec": _message(
        "OPTIONS sip:user@example.org SIP/2.0", "badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3",
        "3923239 OPTIONS", to='"Watson, Thomas" < sip:t.watson@example.org >'),
    "baddn": _message(
        "OPTIONS sip:t.watson@example.org SIP/2.0", "baddn.31415@c.example.com", "3923239 OPTIONS",
        from_="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),
    "badbranch": _message(
        "OPTIONS sip:user@example.com SIP/2.0", "badbranch.sadonfo23i420jv0as0derf3j3n", "8 OPTIONS",
        via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
    "unksm2": _message(
        "REGISTER sip:example.com SIP/2.0", "unksm2.daksdj@hyphenated-host.example.com", "234902 REGISTER",
        "Contact: <name:John_Smith>", to="isbn:2983792873", from_="<http://www.example.com>;tag=3234233"),
    "bext01": _message(
        "OPTIONS sip:user@example.com SIP/2.0", "bext01.0ha0isndaksdj", "8 OPTIONS",
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis"),
    "invut": _message(
        "INVITE sip:user@example.com SIP/2.0", "invut.0ha0isndaksdjadsfij34n23d", "235448 INVITE", _CONTACT,
        "Content-Type: application/unknownformat", body="<audio>\n <pcmu port=\"443\"/>\n</audio>\n", type="x"),
    "regaut01": _message(
        "REGISTER sip:example.com SIP/2.0", "regaut01.0ha0isndaksdj", "9338 REGISTER",
        "Authorization: NoOneKnowsThisScheme opaque-data=here"),
    "bcast": _message(
        "SIP/2.0 200 OK", "bcast.0384840201234ksdfak3j2erwedfsASdf", "35 INVITE",
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23", "Contact: <sip:user@host28.example.com>",
        to="sip:user@example.edu;tag=2229", via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923", body=_BODY),
    "zeromf": _message(
        "OPTIONS sip:user@example.com SIP/2.0", "zeromf.jfasdlfnm2o2l43r5u0asdfas", "39234321 OPTIONS",
        hops="0"),
    "cparam01": _message(
        "REGISTER sip:example.com SIP/2.0", "cparam01.70710@saturn.example.com", "2 REGISTER",
        "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
    "cparam02": _message(
        "REGISTER sip:example.com SIP/2.0", "cparam02.70710@saturn.example.com", "3 REGISTER",
        "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
    "regescrt": _message(
        "REGISTER sip:example.com SIP/2.0", "regescrt.k345asrl3fdbv@192.0.2.1", "14398234 REGISTER",
        "M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
    "sdp01": _message(
        "INVITE sip:t.watson@example.net SIP/2.0", "sdp01.ndaksdj9342dasdd", "8 INVITE", _CONTACT,
        "Accept: text/nobodyKnowsThis", body=_BODY),
    "inv2543": wire(
        "INVITE sip:UserB@example.com SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\n"
        "From: <sip:+13035551111@ift.client.example.net;user=phone>\n"
        "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\n"
        "To: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543.1717@ift.client.example.com\n"
        "CSeq: 56 INVITE\nContent-Type: application/sdp", _BODY),
}  # fmt: skip
