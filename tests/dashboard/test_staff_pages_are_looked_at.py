"""Each staff page in the browser: nothing refused by its policy, no sideways scrolling, screenshots."""

from __future__ import annotations

import pytest

from tests.dashboard.shots import shoot

PAGES = {
    "live": "/dashboard/",
    "call": "/dashboard/calls/{live}",
    "search": "/dashboard/calls",
    "charts": "/dashboard/charts",
    "webhooks": "/dashboard/webhooks",
    "webhook": "/dashboard/webhooks/{webhook}",
    "delivery": "/dashboard/deliveries/{delivery}",
    "subscribers": "/dashboard/subscribers",
    "subscriber": "/dashboard/subscribers/{alice}",
    "rooms": "/dashboard/rooms",
    "lines": "/dashboard/lines",
    "health": "/dashboard/health",
    "audit": "/dashboard/audit",
    "project": "/dashboard/project",
    "second-factor": "/dashboard/second-factor",
}


def path_of(name: str, world) -> str:
    from calling import models

    return PAGES[name].format(
        live=world.calls["live"].pk,
        webhook=models.WebhookEndpoint.objects.get().pk,
        delivery=models.Delivery.objects.order_by("pk").first().pk,
        alice=world.subscribers["alice"].pk,
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_every_width_and_breaks_no_rule_of_its_policy(desk, world, name):
    page = desk(path_of(name, world))
    page.get_by_role("heading", level=1).first.wait_for()
    shoot(page, f"dashboard-{name}")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_the_door_opens_with_name_and_password(page, live_server, world):
    page.goto(live_server.url + "/dashboard/calls")
    shoot(page, "dashboard-login")
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a wrong password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Search calls").wait_for()
