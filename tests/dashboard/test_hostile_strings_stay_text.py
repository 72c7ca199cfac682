"""R29: what callers, devices and webhook receivers send is shown as text and never runs."""

from __future__ import annotations

import random

import pytest

from tests.dashboard.world import World, call, event

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


def spread(world: World, strings: list[str]) -> list[str]:
    """Puts the strings wherever outsiders' text is kept; returns the pages that show them."""
    from calling import models
    from subscribers.models import Room

    endpoint = models.WebhookEndpoint.objects.get()
    paths = [
        "/dashboard/",
        "/dashboard/calls",
        "/dashboard/subscribers",
        "/dashboard/rooms",
        "/dashboard/audit",
    ]
    for start in range(0, len(strings), 10):
        s = (strings * 2)[start : start + 10]
        row = call(
            world.project, s[0][:300], s[1][:300], "answered", start, from_name=s[2][:200],
            metadata={s[3]: s[4]}, sip_headers={s[5]: s[6]}, sip_code=486, end_cause=s[7][:64],
        )  # fmt: skip
        models.Leg.objects.filter(call=row).update(name=s[8][:200], end_cause=s[9][:64])
        told = event(row, "call.dtmf", 90, row.created_at, digit=s[0], user_agent=s[1])
        sent = models.Delivery.objects.create(
            endpoint=endpoint, event=told, stream=told.stream, state="parked", created_at=told.created_at
        )
        models.DeliveryAttempt.objects.create(
            delivery=sent, at=told.created_at, status=500, answer=s[2], error=s[3][:300]
        )
        paths += [f"/dashboard/calls/{row.pk}", f"/dashboard/deliveries/{sent.pk}"]
        person = world.subscribers["alice"]
        models.Device.objects.create(project=world.project, subscriber_id=person.pk, user_agent=s[4][:200])
        Room.objects.create(project=world.project, name=f"r{start}", display_name=s[5][:200])
        models.StaffAction.objects.create(project=world.project, name="x", action="y", subject=s[6][:300],
                                          detail={"name": s[7]})  # fmt: skip
        type(person).objects.filter(pk=person.pk).update(display_name=s[8][:200])
    return [*paths, f"/dashboard/subscribers/{world.subscribers['alice'].pk}"]


@pytest.fixture
def seed(request) -> int:
    return request.config.getoption("--seed") or 1


def test_hostile_strings_execute_nothing(desk, world, seed, request):
    """60 of them in a sample, 500 with --soak; each lands in about ten places."""
    count = 500 if request.config.getoption("--soak") else 60
    page = desk("/dashboard/health")
    page.context.add_init_script("window.hurts = []; window.hurt = (n) => window.hurts.push(n)")
    away: list[str] = []
    page.context.on(
        "request", lambda asked: asked.url.startswith("http://localhost") or away.append(asked.url)
    )
    for path in spread(world, hostile(count, seed)):
        page.goto(page.url.split("/dashboard")[0] + path)
        assert page.evaluate("window.hurts") == [], path
        assert page.locator("script:not([src]), [onerror], [onload], base, iframe").count() == 0, path
    assert away == []
