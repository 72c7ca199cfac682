"""What callers, devices, carriers, webhook receivers and colleagues send is shown as text, never run.

Proves docs/security.md#r29.
"""

from __future__ import annotations

import random
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from rest.json_bodies import NOT_IN_A_LINE
from tests.dashboard.fixtures import furnish
from tests.dashboard.sample_data import World, call, event
from tests.dashboard.test_phone_page import ring

FORMS = (
    "<script>hurt({n})</script>",
    "<img src=x onerror=hurt({n})>",
    '"><svg/onload=hurt({n})>',
    "'><iframe srcdoc='<script>parent.hurt({n})</script>'>",
    "javascript:hurt({n})",
    "</title><script>hurt({n})</script>",
    "</pre></td></table><details open ontoggle=hurt({n})>",
    "{{{{ hurt({n}) }}}}{{% debug %}}",
    "<a href=javascript:hurt({n})>x</a>",
    '" autofocus onfocus=hurt({n}) x="',
    "<math><mtext><style><img src onerror=hurt({n})></style>",
    "<link rel=stylesheet href=//evil.example/{n}.css>",
    "\u202e<b onmouseover=hurt({n})>\u0007x",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><button autofocus>",
)
TRAP = "window.hurts = []; window.hurt = (n) => window.hurts.push(n);"
# Whatever a page of ours never has. `on…` attributes and scripts of its own make a string an element.
GROWN = """() => [...document.querySelectorAll('*')].filter((one) =>
  [...one.attributes].some((mark) => mark.name.startsWith('on') || /^\\s*javascript:/i.test(mark.value)
    && ['href', 'src', 'action', 'formaction'].includes(mark.name))
  || one.matches('script:not([src]), base, iframe, math, style, main link, meta[http-equiv]')
  || /^\\s*([a-z]+:)?\\/\\/evil/i.test(one.getAttribute('href') ?? one.getAttribute('action') ?? '')
).map((one) => one.outerHTML.slice(0, 120))"""
Places = list[tuple[str, str]]


def hostile(count: int, seed: int) -> list[str]:
    """`count` strings: every form, then mixtures of two, in changed case and with odd spaces."""
    dice = random.Random(seed)
    made = [form.format(n=n) for n, form in enumerate(FORMS)]
    while len(made) < count:
        first, second = dice.choice(FORMS), dice.choice(FORMS)
        text = (
            first.format(n=len(made))
            + dice.choice(("", " ", "\t", "--", "\u00a0"))
            + second.format(n=len(made))
        )
        made.append("".join(c.swapcase() if dice.random() < 0.1 else c for c in text))
    return made[:count]


def tens(strings: list[str]) -> list[list[str]]:
    return [(strings * 2)[start : start + 10] for start in range(0, len(strings), 10)]


def spread_calls(world: World, strings: list[str]) -> Places:
    """What comes with calls: names, headers, user agents, metadata, digits, answers of webhooks.

    Returns (path of a page, a string that it has to show).
    """
    from calling import models

    endpoint, places = models.WebhookEndpoint.objects.get(), Places()
    for group, s in enumerate(tens(strings)):
        row = call(
            world.project, s[0][:300], s[1][:300], "answered", group, from_name=s[2][:200],
            metadata={s[3]: s[4]}, sip_headers={s[5]: s[6]}, sip_code=486, end_cause=s[7][:64],
        )  # fmt: skip
        models.Leg.objects.filter(call=row).update(
            name=s[8][:200], end_cause=s[9][:64], end_reason="failed", codec={"codec": s[3]}
        )
        if group % 2:
            models.Call.objects.filter(pk=row.pk).update(
                state="ended", end_reason="failed", ended_at=row.created_at, deadline=None
            )
        leg = row.legs.first()
        models.Attempt.objects.create(leg=leg, device_id=leg.pk, kind=s[4][:8], state=s[5][:20])
        told = event(row, "call.dtmf", 90, row.created_at, digit=s[0], user_agent=s[1], **{s[6][:40]: s[7]})
        models.Operation.objects.create(
            call=row, verb="say", control_id=s[8][:100], created_at=told.created_at, result={"text": s[9]}
        )
        models.Recording.objects.create(project=world.project, call_id=row.pk, control_id=s[2][:100],
                                        state="finished", format="wav")  # fmt: skip
        sent = models.Delivery.objects.create(
            endpoint=endpoint, event=told, stream=told.stream, state="parked", created_at=told.created_at
        )
        models.DeliveryAttempt.objects.create(
            delivery=sent, at=told.created_at, status=500, answer=s[2], error=s[3][:300]
        )
        places += [(f"/dashboard/calls/{row.pk}", s[2]), (f"/dashboard/deliveries/{sent.pk}", s[2])]
    ended = tens(strings)[1][7]
    return [*places, ("/dashboard/", strings[2]), ("/dashboard/calls", ""), ("/dashboard/charts", ended)]


def spread_directory(world: World, strings: list[str]) -> Places:
    """What is set up: people, devices, rooms, numbers, trunks, notes of the ledger, endpoints, colleagues."""
    from calling import models
    from calling.telephony import billing
    from subscribers.models import PhoneNumber, Project, Room, SipEndpoint, SipGateway, Subscriber
    from tokens.models import ApiToken

    project, alice, now = world.project, world.subscribers["alice"], timezone.now()
    meeting, key = models.Meeting.objects.get(), ApiToken.objects.filter(project=project).first()
    for group, s in enumerate(tens(strings)):
        Subscriber.objects.create(
            project=project, reference=s[0][:255], slug=f"s{group}", display_name=s[1][:200]
        )
        models.Device.objects.create(project=project, subscriber_id=alice.pk, user_agent=s[2][:200])
        SipEndpoint.objects.create(project=project, subscriber=alice, username=f"{group}{s[3]}"[:64])
        room = Room.objects.create(project=project, name=f"r{group}{s[4]}"[:64], display_name=s[5][:200])
        leg = models.Leg.objects.filter(call=world.calls["ringing"]).first()
        models.Leg.objects.filter(pk=leg.pk).update(name=s[6][:200], address=s[7][:300])
        models.Meeting.objects.filter(pk=meeting.pk).update(room=room)
        PhoneNumber.objects.create(project=project, number=f"+1{group}{s[8]}"[:16], name=s[9][:200])
        SipGateway.objects.create(project=project, name=s[0][:200], host=s[1][:253], user=s[2][:64],
                                  prefixes=[s[3]], caller_id=s[4][:32])  # fmt: skip
        with transaction.atomic():
            billing.move_money(project.pk, "top_up", 1, s[5][:200])
        models.PhoneRate.objects.create(project=project, prefix=f"+{group}{s[6]}"[:16], per_minute=1)
        models.WebhookEndpoint.objects.create(
            project=project, url=s[7], events=[s[8]], secret="sealed", description=s[9], disabled_at=now,
            disabled_reason=s[0][:200],
        )  # fmt: skip
        ApiToken.objects.create(project=project, name=s[1][:200], digest=f"{group:064}", hint=key.hint)
        colleague = User.objects.create_user(f"{group}{s[2]}"[:150])
        models.StaffRole.objects.create(user=colleague, project=project)
        models.StaffAction.objects.create(
            project=project, name=s[3][:150], action=s[4][:60], subject=s[5][:300], detail={s[6]: s[7]},
            source=s[8][:64],
        )  # fmt: skip
        models.MediaWorker.objects.create(
            name=f"{group}{s[9]}"[:60], host="h", pid=1, media_address=s[0][:60], lock_key=90 + group,
            heartbeat_at=now,
        )  # fmt: skip
    last = tens(strings)[-1]
    Project.objects.filter(pk=project.pk).update(name=last[0][:200], suspended_reason=last[1][:200])
    Subscriber.objects.filter(pk=alice.pk).update(display_name=last[2][:200], reference=last[3][:255])
    endpoint = models.WebhookEndpoint.objects.filter(description=last[9]).last()
    pages = {"subscribers": last[1], f"subscribers/{alice.pk}": last[2], "rooms": last[5], "lines": last[0],
             "balance": last[5], "webhooks": last[7], f"webhooks/{endpoint.pk}": last[9], "health": last[9],
             "audit": last[4], "project": last[2], "second-factor": ""}  # fmt: skip
    return [(f"/dashboard/{path}", shown) for path, shown in pages.items()]


def asked_back(strings: list[str]) -> Places:
    """What a link brings along, and the admin's lists."""
    found = Places()
    for text in strings:
        given = quote(text)
        fields = "&".join(f"{name}={given}" for name in ("q", "state", "reason", "after", "before"))
        found += [(f"/dashboard/calls?{fields}", ""),
                  (f"/dashboard/subscribers?q={given}", ""), (f"/dashboard/audit?q={given}", ""),
                  (f"/dashboard/calls/{quote(text.replace('/', '|'))}", ""),
                  (f"/dashboard/login?next=/{given}", "")]  # fmt: skip
    lists = ("calling/call", "calling/event", "calling/webhookendpoint", "calling/staffaction",
             "subscribers/subscriber", "subscribers/room", "subscribers/sipgateway")  # fmt: skip
    return found + [(f"/admin/{name}/", "") for name in lists]


@pytest.fixture
def seed(request) -> int:
    return request.config.getoption("--seed") or 1


@pytest.fixture
def count(request) -> int:
    """60 strings in a sample, 500 with --soak; each lands in about ten places."""
    return 500 if request.config.getoption("--soak") else 60


@pytest.fixture
def wary(desk, world, settings):
    """`wary(places)` opens each page as root and finds it harmless, and telling what it has to tell."""
    settings.CALLWRIGHT_EXAMINATION = "tests.dashboard.fixtures.examine"
    page = None

    def look(places: Places) -> None:
        nonlocal page
        if page is None:
            page = desk("/dashboard/health", "root")
            page.context.add_init_script(TRAP)
        away: list[str] = []
        ours = ("http://localhost", "data:")
        page.context.on("request", lambda asked: asked.url.startswith(ours) or away.append(asked.url))
        home = page.url.split("/dashboard")[0]
        for path, shown in places:
            answer = page.goto(home + path)
            assert answer.status < 500, path
            assert page.evaluate("window.hurts") == [], path
            if path.startswith("/dashboard"):
                assert page.evaluate(GROWN) == [], path
            assert letters(shown)[:30] in letters(page.locator("body").text_content()), (path, shown)
        assert away == []

    return look


def letters(text: str) -> str:
    """What can be seen of it: no spaces, nor control characters, which a page shows as one."""
    return "".join(NOT_IN_A_LINE.sub(" ", text).split())


@pytest.mark.family
@pytest.mark.timeout(600)
def test_hostile_strings_in_calls_execute_nothing(wary, world, seed, count):
    furnish(world)
    wary(spread_calls(world, hostile(count, seed)))


@pytest.mark.family
@pytest.mark.timeout(600)
def test_hostile_strings_in_the_directory_execute_nothing(wary, world, seed, count):
    furnish(world)
    strings = hostile(count, seed)
    wary(spread_directory(world, strings) + asked_back(strings[:: max(1, count // 20)]))


def test_hostile_callers_execute_nothing_on_the_phone(softphone, seed, count):
    softphone.evaluate(f"() => {{ {TRAP} }}")
    for number, s in enumerate(tens(hostile(count, seed))):
        id = f"in-{number}"
        ring(softphone, id, from_name=s[0], to=s[2], **{"from": s[1]})
        softphone.get_by_role("dialog").wait_for()
        softphone.get_by_role("button", name="Answer", exact=True).click()
        softphone.get_by_role("article").get_by_text("Connected").wait_for()
        for message in (
            {"type": "call.dtmf", "digit": s[3]},
            {"type": "call.transfer.failed", "reason": s[4]},
            {"type": "error", "code": s[5], "message": s[6]},
            {"type": "call.ended", "reason": s[7], "cause": s[8], "sip_headers": {"x-a": s[9]}},
        ):
            softphone.evaluate("(message) => platform.tell(message)", {**message, "call_id": id})
        softphone.get_by_role("article").wait_for(state="detached")
        assert softphone.evaluate("window.hurts") == [], s
        assert softphone.evaluate(GROWN) == [], s


def test_the_check_itself_sees_what_would_run(browser):
    page = browser.new_page()
    for number, form in enumerate(FORMS):
        if "<" in form and "refresh" not in form and "<button" not in form:
            page.evaluate("(text) => (document.body.innerHTML = text)", form.format(n=number))
            assert page.evaluate(GROWN) != [], form
    page.close()
