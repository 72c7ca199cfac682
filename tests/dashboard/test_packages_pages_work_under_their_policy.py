"""The admin and the API's reference come from packages: in a browser their policy stops nothing of theirs."""

from __future__ import annotations

from django.contrib.auth.models import User


def test_the_admin_is_usable(desk, world):
    root = User.objects.create_superuser("root", password="a long enough password")
    world.people["root"] = root
    page = desk("/admin/subscribers/subscriber/", "root")
    page.get_by_text("alice@example.com").first.wait_for()
    page.wait_for_function("Boolean(window.Alpine)")
    page.get_by_text("alice@example.com").first.click()
    page.wait_for_url("**/change/**")


def test_the_reference_is_drawn(page, live_server):
    page.goto(live_server.url + "/api/docs")
    page.locator(".opblock").first.wait_for()
