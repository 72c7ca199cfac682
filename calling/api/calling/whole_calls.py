"""Commands about a whole call: dial, update, end, transfer, disconnect, refer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from calling import control, placing, verbs
from calling.api.calling import reading
from calling.api.calling.envelope import Request, not_supported
from calling.dialling import DialRequest
from calling.fields import Form
from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.states import CallState, Party, Role
from subscribers import addressing
from tokens.subjects import ApiKey

REFUSED_IN_DIAL = ("to_script", "username", "password")


def dial(key: ApiKey, params: Form) -> UUID:
    """`dial`: a call that gets `swml`, or the document behind `url`, when it is answered. Returns its id."""
    for name in REFUSED_IN_DIAL:
        if params.has(name):
            raise not_supported(name, name)
    if params.choice("url_method", ("GET", "POST"), "POST") == "GET":
        raise not_supported("Fetching scripts with GET", "url_method")
    if not params.has("from"):
        params.wrong("from", "from is required.", "missing_required_parameter")
    document, url = reading.script_or_url(params)
    digits = params.digits("send_digits") if params.has("send_digits") else None
    if digits and url:
        raise not_supported("send_digits with url", "send_digits")
    if digits and document:
        document = with_digits(document, digits)
    reading.check_codecs(params)
    params.number("max_price_per_minute", 0, 1e6)
    request = DialRequest(
        to=params.text("to", addressing.MAX_DESTINATION, required=True) or "",
        from_=verbs.read_party(params, "from"),
        script=document,
        script_url=url,
        fallback_url=verbs.read_url(params, "fallback_url"),
        caller_id=verbs.read_party(params, "caller_id"),
        timeout=params.integer("timeout", 1, 600),
        status_url=verbs.read_url(params, "status_url") or "",
        status_events=reading.status_events(params),
        variables=reading.variables(params),
    )
    params.check()
    return placing.dial(key, request).id


def with_digits(document: dict[str, Any], digits: str) -> dict[str, Any]:
    """A script that sends digits to its party first."""
    sections = dict(document["sections"])
    main = sections.get("main")
    steps = main if isinstance(main, list) else []
    return {**document, "sections": {**sections, "main": [{"send_digits": {"digits": digits}}, *steps]}}


def update(request: Request) -> dict[str, Any]:
    """`update`: another script for an answered call, or its end (`canceled` unanswered, `completed`)."""
    form = request.form
    status = form.choice("status", ("canceled", "completed"))
    document, url = reading.script_or_url(form, required=False)
    fallback, status_url = verbs.read_url(form, "fallback_url"), verbs.read_url(form, "status_url")
    given = form.has("swml") or form.has("url")
    if given and form.has("status"):
        form.wrong("status", "Send a script or a status, not both.")
    if not given and not form.has("status") and not form.has("status_url"):
        form.wrong("url", "Send url, swml, status or status_url.", "inline_swml_or_swml_webhook_required")
    form.check()
    state = request.call.state
    if state is CallState.ENDED:
        raise Refused("The call has ended; it cannot be updated.", state.value)
    if status == "canceled" and state is CallState.ANSWERED:
        raise Refused("Only a call that is not answered yet can be canceled.", state.value)
    if status == "completed" and state is not CallState.ANSWERED:
        raise Refused("Only an answered call can be completed.", state.value)
    if given:
        give_script(request, document, url, fallback)
    if status_url:
        placing.set_status_url(request.call_id, status_url)
    if status is not None:
        control.apply(request.call_id, inputs.Hangup())
    return {}


def give_script(
    request: Request, document: dict[str, Any] | None, url: str | None, fallback: str | None = None
) -> None:
    state = request.call.state
    if state is not CallState.ANSWERED:
        raise Refused(f"The call is {state.value}; it must be answered.", state.value)
    script = DialRequest(to="", script=document, script_url=url, fallback_url=fallback)
    placing.run_script(request.key, request.call_id, request.leg().id, script)


def end(request: Request) -> dict[str, Any]:
    """`calling.end`; of a call that is over a no-op."""
    why = reading.reason(request.form)
    request.form.check()
    control.apply(request.call_id, inputs.Hangup(reason=why.value if why else None))
    return {}


def transfer(request: Request) -> dict[str, Any]:
    """`calling.transfer`: the leg goes to an address, number or SIP URI, or to a script; who was with it
    leaves when the target answers."""
    form = request.form
    dest = form.value("dest", required=True)
    form.check()
    if isinstance(dest, dict) or isinstance(dest, str) and (dest.lstrip().startswith("{") or "\n" in dest):
        document = reading.swml(form, "dest")
        form.check()
        give_script(request, document, None)
    elif isinstance(dest, str) and dest.lower().startswith(("http://", "https://")):
        url = verbs.read_url(form, "dest")
        form.check()
        give_script(request, None, url)
    else:
        to = form.text("dest", addressing.MAX_DESTINATION)
        form.check()
        move(request, to or "")
    return {}


def move(request: Request, to: str) -> None:
    """Blind transfer of the leg that is meant: whoever is with it does it, or the platform."""
    leg = request.leg()
    other = request.other(leg)
    placing.transfer(request.key, request.call_id, (other or leg).id, to)


def disconnect(request: Request) -> dict[str, Any]:
    """`calling.disconnect`: parts two parties. A scripted one goes on with its script; else the call ends."""
    leg = request.leg()
    joined = [
        other for other in request.call.live_legs if other.id != leg.id and other.party is not Party.APP
    ]
    if not request.call.live:
        raise Refused("The call has ended.", "ended")
    if not joined:
        raise Refused("Nobody is connected with this call.", request.call.state.value)
    target = next((other for other in joined if other.role is Role.TARGET), joined[0])
    control.apply(request.call_id, inputs.Hangup(target.id))
    return {}


def refer(request: Request) -> dict[str, Any]:
    """`calling.refer`: for a SIP party; it is taken to the SIP URI by this platform."""
    form = request.form
    device = form.value("device", required=True)
    verbs.read_url(form, "status_url")
    inner = device.get("params") if isinstance(device, dict) and device.get("type") == "sip" else None
    if device is not None and not isinstance(inner, dict):
        form.wrong("device", 'device must be {"type": "sip", "params": {"to": "sip:…"}}.')
    form.check()
    if request.leg().party is not Party.SIP:
        raise not_supported("calling.refer for a party that is not a SIP peer", "command")
    to = inner.get("to") if isinstance(inner, dict) else None
    if not isinstance(to, str) or not to.lower().startswith(("sip:", "sips:")):
        form.wrong("device", "device.params.to must be a SIP URI.", "invalid_sip_destination")
    form.check()
    move(request, str(to))
    return {}
