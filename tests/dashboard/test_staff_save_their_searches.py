"""Saved searches: one's own, those that owners share, and whose change is in the audit log."""

from __future__ import annotations

import pytest
from django.test import Client

from calling.dashboard.pages import searches
from calling.models import SavedSearch, StaffAction
from tests.dashboard.test_staff_pages_open import signed_in

FILTERS = "q=bob&state=ended"


def save(client: Client, name: str = "bob's", filters: str = FILTERS, **more: str) -> str:
    """What the page says after it."""
    answer = client.post("/dashboard/searches", {"name": name, "filters": filters, **more}, follow=True)
    return answer.content.decode()


def names(client: Client) -> list[str]:
    return [one.row.name for one in client.get("/dashboard/calls").context["saved"]["rows"]]


def test_a_search_is_kept_found_again_and_changed(world):
    vera = signed_in(world, "vera")
    assert "Save this search" not in vera.get("/dashboard/calls").content.decode(), "there is no filter yet"
    assert "Save this search" in vera.get(f"/dashboard/calls?{FILTERS}").content.decode()
    assert "Saved." in save(vera, filters=f"{FILTERS}&before=1&evil=1&reason=")
    row = SavedSearch.objects.get()
    assert row.query == FILTERS
    (one,) = vera.get("/dashboard/calls").context["saved"]["rows"]
    opened = vera.get(one.url)
    assert opened.context["given"]["q"] == "bob" and opened.context["saved"]["open"].row == row
    assert "Save the change" in opened.content.decode()
    save(vera, "answered", "state=answered", id=str(row.pk))
    row.refresh_from_db()
    assert (row.name, row.query) == ("answered", "state=answered")
    assert StaffAction.objects.count() == 0, "one's own is one's own affair"


def test_ones_own_are_seen_by_nobody_else(world):
    save(signed_in(world, "vera"))
    row = SavedSearch.objects.get()
    for name in ("otto", "olga", "mallory"):
        client = signed_in(world, name)
        assert names(client) == []
        assert client.get(f"/dashboard/searches/{row.pk}/delete").status_code == 404
        assert (
            client.post("/dashboard/searches", {"name": "x", "filters": "q=x", "id": row.pk}).status_code
            == 404
        )


def test_an_owner_shares_and_owners_alone_change_what_is_shared(world):
    olga, otto = signed_in(world, "olga"), signed_in(world, "otto")
    save(olga, "for all", shared="on")
    assert (
        names(otto) == names(signed_in(world, "vera")) == ["for all"]
        and names(signed_in(world, "mallory")) == []
    )
    row = SavedSearch.objects.get()
    path = f"/dashboard/searches/{row.pk}/delete"
    assert otto.post(path).status_code == otto.get(path).status_code == 403
    assert "by olga" in otto.get("/dashboard/calls").content.decode()
    save(otto, "mine", shared="on")
    assert SavedSearch.objects.get(name="mine").shared is False, "an operator shares nothing"
    SavedSearch.objects.filter(pk=row.pk).update(user=world.people["otto"])
    save(olga, "for everybody", "q=carol", id=str(row.pk), shared="on")
    row.refresh_from_db()
    assert (row.name, row.query, row.user) == ("for everybody", "q=carol", world.people["otto"])
    assert "disappears for all staff" in olga.get(path).content.decode()
    olga.post(path)
    assert not SavedSearch.objects.filter(pk=row.pk).exists()
    noted = StaffAction.objects.order_by("id").values_list("name", "action", "subject", "detail")
    assert list(noted) == [
        ("olga", "search.change", "for everybody", {"by": "otto"}),
        ("olga", "search.delete", "for everybody", {"by": "otto"}),
    ]


@pytest.mark.parametrize(
    ("name", "filters", "words"),
    [
        (" ", FILTERS, "needs a name"),
        ("x", "", "Choose a filter first"),
        ("x", "before=1&csrf=2", "Choose a filter first"),
        ("x", "direction=up", "correct them first"),
        ("x", "q=" + "%D6%90" * 400, "too long"),
    ],
)
def test_what_is_no_search_is_not_saved(world, name, filters, words):
    assert words in save(signed_in(world, "vera"), name, filters)
    assert SavedSearch.objects.count() == 0


def test_a_name_is_taken_once_and_there_is_a_limit(world, monkeypatch):
    vera = signed_in(world, "vera")
    save(vera)
    assert "of that name already" in save(vera)
    assert "Saved." in save(signed_in(world, "otto")), "two people may use one name"
    monkeypatch.setattr(searches, "MOST", 1)
    assert "Delete one first" in save(vera, "second")
    vera.post(f"/dashboard/searches/{SavedSearch.objects.get(user=world.people['vera']).pk}/delete")
    assert "Saved." in save(vera, "second")
