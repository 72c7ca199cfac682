"""Each staff page in the browser: nothing refused by its policy, no sideways scrolling.

`python -m tests.dashboard.shots` takes their pictures on a running instance.
"""

from __future__ import annotations

import pytest

from tests.dashboard.fixtures import furnish

PAGES = {
    "glossary": "/dashboard/glossary",
    "live": "/dashboard/",
    "call": "/dashboard/calls/{live}",
    "sip-trace": "/dashboard/calls/{live}/sip-trace",
    "search": "/dashboard/calls",
    "charts": "/dashboard/charts",
    "webhooks": "/dashboard/webhooks",
    "webhook": "/dashboard/webhooks/{webhook}",
    "delivery": "/dashboard/deliveries/{delivery}",
    "subscribers": "/dashboard/subscribers",
    "subscriber": "/dashboard/subscribers/{alice}",
    "rooms": "/dashboard/rooms",
    "scripts": "/dashboard/scripts",
    "new-subscriber": "/dashboard/new/subscribers",
    "new-script": "/dashboard/new/scripts",
    "new-room": "/dashboard/new/rooms",
    "new-number": "/dashboard/new/numbers",
    "new-gateway": "/dashboard/new/gateways",
    "new-endpoint": "/dashboard/new/endpoints",
    "edit-subscriber": "/dashboard/edit/subscribers/{alice}",
    "edit-webhook": "/dashboard/webhooks/{webhook}/edit",
    "room": "/dashboard/edit/rooms/{room}",
    "delete-room": "/dashboard/edit/rooms/{room}/delete",
    "new-webhook": "/dashboard/webhooks/new",
    "alerts": "/dashboard/alerts",
    "hang-up": "/dashboard/calls/{live}/hangup",
    "lines": "/dashboard/lines",
    "balance": "/dashboard/balance",
    "health": "/dashboard/health",
    "examination": "/dashboard/health/examination",
    "audit": "/dashboard/audit",
    "project": "/dashboard/project",
    "second-factor": "/dashboard/second-factor",
    "own-sign-in": "/dashboard/sign-in",
    "refused": "/dashboard/calls/nothing-here",
}


def path_of(name: str, world) -> str:
    from calling import models
    from subscribers.models import Room

    return PAGES[name].format(
        live=world.calls["live"].pk,
        webhook=models.WebhookEndpoint.objects.get().pk,
        delivery=models.Delivery.objects.order_by("pk").first().pk,
        room=Room.objects.filter(project=world.project).first().pk,
        alice=world.subscribers["alice"].pk,
    )


@pytest.fixture
def furnished(world, settings):
    """The world with something in every table, and a doctor who is quick."""
    settings.CALLWRIGHT_EXAMINATION = "tests.dashboard.fixtures.examine"
    return furnish(world)


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_every_width_and_breaks_no_rule_of_its_policy(desk, furnished, name):
    page = desk(path_of(name, furnished), "root")
    page.get_by_role("heading", level=1).first.wait_for()
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_the_door_opens_with_name_and_password(page, live_server, world):
    page.goto(live_server.url + "/dashboard/calls")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Name").input_value() == "vera"
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Search calls").wait_for()
