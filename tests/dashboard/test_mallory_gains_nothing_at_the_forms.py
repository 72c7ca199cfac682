"""Odd, stale and repeated forms: what a page does with them is what its person meant, or nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from calling.dashboard.pages.history import cell
from calling.models import LedgerEntry, StaffAction, StaffRole


@pytest.fixture
def olga(world) -> Client:
    client = Client()
    client.force_login(world.people["olga"])
    return client


@pytest.mark.parametrize("form", ["html", "csv.bat", 'csv";x="', "xlsx", "json", "%0d%0aX-Y: 1"])
@pytest.mark.parametrize("what", ["calls", "events"])
def test_an_export_has_no_other_name_than_its_own(olga, what, form):
    """A file called calls.html would run what a caller is called."""
    assert olga.get(f"/dashboard/export/{what}.{form}").status_code == 404
    assert not StaffAction.objects.filter(action=f"export.{what}").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+4930", "'+4930"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20SUM(1)", "'\uff20SUM(1)"),
        ("  =1+1", "  '=1+1"),
        ("\t=1+1", "\t'=1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("a; -1", "a; '-1"),
        ("a\n@SUM(1)", "a\n'@SUM(1)"),
        ("a\t=1", "a\t'=1"),
        ("a=1 b-c, +d", "a=1 b-c, +d"),
        ("Ada; Bob", "Ada; Bob"),
        ({"k;=1": "-5"}, '{"k;\'=1": "-5"}'),
        (-5, -5),
        (None, None),
    ],
)
def test_a_cell_is_no_formula_however_a_spreadsheet_separates_them(text, shown):
    assert cell(text) == shown


@pytest.mark.parametrize("role", ["", "superowner", "OWNER", "viewer\0"])
def test_a_role_that_is_none_changes_nothing(olga, world, role):
    """It took the role that the person has."""
    olga.post("/dashboard/project/staff", {"username": "vera", "role": role})
    assert StaffRole.objects.get(user=world.people["vera"], project=world.project).role == "viewer"


def test_nobody_is_told_that_somebody_without_a_role_lost_it(olga):
    page = olga.post("/dashboard/project/staff", {"username": "mallory", "role": "none"}, follow=True)
    assert "mallory has no role here." in page.content.decode()
    assert not StaffAction.objects.filter(action="staff.remove").exists()


def test_money_is_entered_once_by_a_form_that_is_sent_twice(olga, world):
    after = olga.get("/dashboard/balance").context["last_by_hand"]
    form = {"amount": "25", "note": "invoice", "after": str(after)}
    assert olga.post("/dashboard/balance/top-up", form).status_code == 302
    page = olga.post("/dashboard/balance/top-up", form, follow=True)
    assert "Check the ledger" in page.content.decode()
    assert LedgerEntry.objects.filter(project_id=world.project.pk).count() == 1
    again = {**form, "after": str(olga.get("/dashboard/balance").context["last_by_hand"])}
    olga.post("/dashboard/balance/top-up", again)
    assert LedgerEntry.objects.filter(project_id=world.project.pk).count() == 2


TWICE = """() => new Promise((done) => {
  const button = document.querySelector('form[action$="/project/keys"] button');
  button.click();
  setTimeout(() => { button.click(); setTimeout(done, 200); }, 50);
})"""


def test_a_second_click_sends_a_form_once(desk):
    page = desk("/dashboard/project")
    asked = []
    page.route("**/dashboard/project/keys", lambda route: asked.append(route))
    page.evaluate(TWICE)
    assert len(asked) == 1
    asked[0].continue_()
    page.get_by_role("heading", name="Shown once").wait_for()


def test_what_is_shown_once_is_shown_by_its_own_page(olga, world):
    alice, bob = (f"/dashboard/subscribers/{world.subscribers[name].pk}" for name in ("alice", "bob"))
    StaffRole.objects.create(user=world.people["olga"], project=world.other, role="owner")
    olga.post(f"{alice}/token", {"hours": "2"})
    assert not olga.get(bob).context["issued"] and olga.get(alice).context["issued"]
    assert not olga.get(alice).context["issued"]
    olga.post("/dashboard/project/keys", {"name": "ci"})
    olga.post("/dashboard/choose", {"project": str(world.other.pk)})
    assert olga.get("/dashboard/project").context["shown_once"] is None
    olga.post("/dashboard/choose", {"project": str(world.project.pk)})
    assert olga.get("/dashboard/project").context["shown_once"]


@pytest.mark.parametrize("query", ["q=bob&state=ended", "q=a%26next%3D%2F%2Fevil.example", "q=%23%3F%2F"])
def test_after_signing_in_the_page_that_was_asked_for_opens_with_its_query(world, query):
    asked = f"/dashboard/calls?{query}"
    client = Client()
    form = client.get(asked, follow=True)
    assert form.context["next"] == asked
    answer = client.post(
        "/dashboard/login", {"username": "olga", "password": "a long enough password", "next": asked}
    )
    assert answer.status_code == 302 and answer["Location"] == asked


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//evil.example",
     "/dashboard/" + "a" * 20_000],
)  # fmt: skip
def test_no_way_back_leads_elsewhere(world, target):
    given = {"username": "olga", "password": "a long enough password", "next": target}
    answer = Client().post("/dashboard/login", given)
    assert answer.status_code == 302 and answer["Location"] == "/dashboard/"
