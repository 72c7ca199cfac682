"""Commands about a whole call: dial, update, end, transfer, disconnect, refer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from calling.calls import control, status_urls
from calling.commands import call_commands, transfers
from calling.commands import dial as place_call
from calling.commands.params import Params, compact, read_party, read_url, read_variables
from calling.commands.routing import DialRequest
from calling.commands.transfers import ConnectTarget
from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.states import CallState, Party, Role
from calling.signalwire.calling_api import params as calling_params
from calling.signalwire.calling_api.envelope import Request, not_supported
from subscribers import addressing
from tokens.subjects import ApiKey

REFUSED_IN_DIAL = ("to_script", "region")  # one instance has no regions to choose from
MAX_EVENT = 4096  # bytes as JSON


def dial(key: ApiKey, params: Params) -> UUID:
    """`dial`: a call that gets `swml`, or the document behind `url`, when it is answered. Returns its id."""
    for name in REFUSED_IN_DIAL:
        if params.given(name):
            raise not_supported(name, name)
    if params.choice("url_method", ("GET", "POST"), "POST") == "GET":
        raise not_supported("Fetching scripts with GET", "url_method")
    if not params.given("from"):
        params.fail("from", "from is required.", "missing_required_parameter")
    document, url = calling_params.script_or_url(params)
    digits = params.digits("send_digits") if params.given("send_digits") else None
    if digits and url:
        raise not_supported("send_digits with url", "send_digits")
    if digits and document:
        document = with_digits(document, digits)
    sip = calling_params.sip_wishes(params)
    most = params.number("max_price_per_minute", 0, 1e6)
    request = DialRequest(
        to=params.text("to", addressing.MAX_DESTINATION, required=True) or "",
        from_=read_party(params, "from"),
        script=document,
        script_url=url,
        fallback_url=read_url(params, "fallback_url"),
        caller_id=read_party(params, "caller_id"),
        sip=sip,
        max_price=most,
        timeout=params.integer("timeout", 1, 600),
        status_url=read_url(params, "status_url") or "",
        status_events=calling_params.status_events(params),
        variables=read_variables(params, "custom_variables"),
    )
    params.check()
    return place_call.place(key, request).id


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
    document, url = calling_params.script_or_url(form, required=False)
    fallback, status_url = (
        read_url(form, "fallback_url"),
        read_url(form, "status_url"),
    )
    given = form.given("swml") or form.given("url")
    if given and form.given("status"):
        form.fail("status", "Send a script or a status, not both.")
    if not given and not form.given("status") and not form.given("status_url"):
        form.fail("url", "Send url, swml, status or status_url.", "inline_swml_or_swml_webhook_required")
    form.check()
    state = request.call.state
    if state is CallState.ENDED:
        raise Refused("The call has ended; it cannot be updated.", state.value)
    if status == "canceled" and state is CallState.ANSWERED:
        raise Refused("Only a call that is not answered yet can be canceled.", state.value)
    if status == "completed" and state is not CallState.ANSWERED:
        raise Refused("Only an answered call can be completed.", state.value)

    def work() -> None:
        if given:
            give_script(request, document, url, fallback)
        if status_url:
            status_urls.set_status_url(request.call_id, status_url)
        if status is not None:
            control.apply(request.call_id, inputs.Hangup())

    control.in_transaction(work)
    return {}


def give_script(
    request: Request, document: dict[str, Any] | None, url: str | None, fallback: str | None = None
) -> None:
    state = request.call.state
    if state is not CallState.ANSWERED:
        raise Refused(f"The call is {state.value}; it must be answered.", state.value)
    script = DialRequest(to="", script=document, script_url=url, fallback_url=fallback)
    call_commands.run_script(request.key, request.call_id, request.leg().id, script)


def end(request: Request) -> dict[str, Any]:
    """`calling.end`; of a call that is over a no-op."""
    why = calling_params.reason(request.form)
    request.form.check()
    control.apply(request.call_id, inputs.Hangup(reason=why.value if why else None))
    return {}


def transfer(request: Request) -> dict[str, Any]:
    """`calling.transfer`: the leg goes to an address, number or SIP URI, or to a script; who was with it
    leaves when the target answers."""
    form = request.form
    dest = form.value("dest", required=True)
    form.check()
    if isinstance(dest, dict) or (isinstance(dest, str) and (dest.lstrip().startswith("{") or "\n" in dest)):
        document = calling_params.swml(form, "dest")
        form.check()
        give_script(request, document, None)
    elif isinstance(dest, str) and dest.lower().startswith(("http://", "https://")):
        url = read_url(form, "dest")
        form.check()
        give_script(request, None, url)
    else:
        to = form.text("dest", addressing.MAX_DESTINATION)
        form.check()
        move(request, to or "")
    return {}


def move(request: Request, to: str | ConnectTarget) -> None:
    """Blind transfer of the leg that is meant: whoever is with it does it, or the platform."""
    leg = request.leg()
    other = request.other(leg)
    transfers.transfer(request.key, request.call_id, (other or leg).id, to)


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
    url = read_url(form, "status_url")
    inner = device.get("params") if isinstance(device, dict) and device.get("type") == "sip" else None
    if device is not None and not isinstance(inner, dict):
        form.fail("device", 'device must be {"type": "sip", "params": {"to": "sip:…"}}.')
    form.check()
    if request.leg().party is not Party.SIP:
        raise not_supported("calling.refer for a party that is not a SIP peer", "command")
    given = form.part("device", inner or {})
    to = given.text("to", addressing.MAX_DESTINATION, required=True)
    if to is None or not to.lower().startswith(("sip:", "sips:")):
        form.fail("device", "device.params.to must be a SIP URI.", "invalid_sip_destination")
    sip = calling_params.sip_wishes(given)
    wish = ConnectTarget(to or "", caller=read_party(given, "from") or "", refer_url=url or "", sip=sip)
    given.check()
    form.check()
    move(request, wish)
    return {}


def user_event(request: Request) -> dict[str, Any]:
    """`calling.user_event`: an object of the back end's own for the client of the leg that is meant."""
    event = request.form.value("event", required=True)
    found = event if isinstance(event, dict) and len(compact(event)) <= MAX_EVENT else None
    if event is not None and found is None:
        request.form.fail("event", f"event must be an object of at most {MAX_EVENT} bytes.")
    request.form.check()
    control.apply(request.call_id, inputs.UserEvent(request.leg().id, dict(found or {})))
    return {}
