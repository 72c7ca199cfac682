"""A number takes calls, is shown and opens its country only where platform staff or a carrier assigned it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from calling.models import StaffRole
from config import first_project
from config.env import read
from subscribers import assignment
from subscribers.models import PhoneNumber, Subscriber
from tests.support.people import Cast
from tests.support.rest_client import code

PATH = "/api/phone_numbers"
NUMBER, OTHER = "+15551230001", "+15551230002"


def test_a_key_takes_no_number_that_is_not_its_projects(house: Cast, mallory: Cast) -> None:
    assignment.assign(NUMBER, house.project)
    nobodys, anothers = (mallory.api.post(PATH, {"number": number}) for number in (OTHER, NUMBER))
    assert code(nobodys) == code(anothers) == (403, "number_not_assigned", "number")
    assert nobodys.json()["errors"] == anothers.json()["errors"]
    assert list(PhoneNumber.objects.values_list("project", "number")) == [(house.id, NUMBER)]


def test_a_number_does_not_become_another_by_a_change(house: Cast, mallory: Cast) -> None:
    for number in (NUMBER, OTHER):
        assignment.assign(number, house.project)
    path = house.api.post(PATH, {"number": NUMBER})["Location"]
    assignment.assign("+15551230003", mallory.project)
    for number in ("+15551230003", "+15551230004"):
        assert code(house.api.patch(path, {"number": number})) == (403, "number_not_assigned", "number")
    assert code(house.api.patch(path, {"number": OTHER})) == (422, "already_taken", "number")
    assert house.api.patch(path, {"number": NUMBER, "name": "desk"}).json()["name"] == "desk"


def test_an_assigned_number_is_taken_in_use_and_out_again(house: Cast, bob: Subscriber) -> None:
    assignment.assign(NUMBER, house.project)
    assert house.api.get(PATH).json()["data"] == []
    made = house.api.post(PATH, {"number": NUMBER, "address": "/private/bob"})
    assert (made.status_code, made.json()["address"]) == (201, "/private/bob")
    assert code(house.api.post(PATH, {"number": NUMBER})) == (422, "already_taken", "number")
    assert house.api.delete(made["Location"]).status_code == 204
    assert code(house.api.get(made["Location"]))[0] == 404
    row = PhoneNumber.objects.get()
    assert (row.project_id, row.address, row.in_use) == (house.id, None, False)
    assert house.api.post(PATH, {"number": NUMBER}).json()["address"] is None


def test_a_trusted_project_assigns_by_its_post_what_nobody_has(house: Cast, mallory: Cast) -> None:
    house.project.trusted = True
    house.project.save()
    assignment.assign(OTHER, mallory.project)
    path = house.api.post(PATH, {"number": NUMBER})["Location"]
    assert code(house.api.post(PATH, {"number": OTHER})) == (403, "number_not_assigned", "number")
    assert code(house.api.patch(path, {"number": OTHER})) == (403, "number_not_assigned", "number")
    assert house.api.delete(path).status_code == 204
    assert not PhoneNumber.objects.filter(number=NUMBER).exists()


@pytest.mark.parametrize(("variables", "trusted"), [({}, True), ({"DATABASE_URL": "postgres://h/d"}, None)])
def test_the_first_project_is_trusted_on_the_embedded_database_alone(
    db: None, variables: dict[str, str], trusted: bool | None
) -> None:
    project_id = str(uuid4())
    first_project.ensure(read({**variables, "CALLWRIGHT_PROJECT_ID": project_id}), None)
    project = assignment.project_of(project_id)
    assert project.trusted is trusted
    project.trusted = False  # staff took it away: it stays away
    project.save()
    first_project.ensure(read({**variables, "CALLWRIGHT_PROJECT_ID": project_id}), None)
    assert assignment.project_of(project_id).trusted is False


def run(*words: str) -> str:
    out = StringIO()
    call_command("number", *words, stdout=out)
    return out.getvalue()


def test_the_command_assigns_lists_and_takes_back(house: Cast, mallory: Cast) -> None:
    assert "Home" in run("assign", NUMBER, str(house.id))
    run("assign", NUMBER, str(house.id))
    with pytest.raises(CommandError, match="is assigned to the project Home"):
        run("assign", NUMBER, str(mallory.id))
    run("assign", OTHER, str(mallory.id))
    assert f"{NUMBER}\t{house.id}\tnot in use" in run("list") and OTHER in run("list")
    assert OTHER not in run("list", str(house.id))
    assert "no longer" in run("unassign", NUMBER)
    assert code(house.api.post(PATH, {"number": NUMBER}))[1] == "number_not_assigned"
    for words in (("unassign", NUMBER), ("assign", "5551234", str(house.id)), ("assign", OTHER, "x"),
                  ("assign", OTHER, str(uuid4())), ("assign", "+46000000000", str(house.id))):  # fmt: skip
        with pytest.raises(CommandError):
            run(*words)


def test_a_carriers_list_is_taken_whole_or_not_at_all(house: Cast, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(f"number,project\n{NUMBER},{house.id},desk\n\n# more\n{OTHER},{house.id}\n")
    assert run("import", str(file)) == "2 numbers assigned\n"
    assert set(PhoneNumber.objects.values_list("number", "name")) == {(NUMBER, "desk"), (OTHER, "")}
    PhoneNumber.objects.all().delete()
    file.write_text(f"{NUMBER},{house.id}\n5551234,{house.id}\n")
    with pytest.raises(CommandError, match="line 2"):
        run("import", str(file))
    assert not PhoneNumber.objects.exists()
    with pytest.raises(CommandError, match="No such file"):
        run("import", str(tmp_path / "none"))


def browser(user: Any) -> Client:
    made = Client()
    made.force_login(user)
    return made


def test_the_dashboard_assigns_for_platform_staff_alone(house: Cast, django_user_model: Any) -> None:
    owner = django_user_model.objects.create_user("olga")
    StaffRole.objects.create(user=owner, project=house.project, role="owner")
    admin = django_user_model.objects.create_superuser("root")
    assert browser(owner).post("/dashboard/lines/assign", {"number": NUMBER}).status_code == 403
    assert not PhoneNumber.objects.exists()
    boss = browser(admin)
    session = boss.session
    session["dashboard_project"] = str(house.id)
    session.save()
    boss.post("/dashboard/lines/assign", {"number": NUMBER})
    row = PhoneNumber.objects.get()
    assert (row.project_id, row.number) == (house.id, NUMBER)
    assert NUMBER in boss.get("/dashboard/lines").content.decode()
    assert browser(owner).post(f"/dashboard/lines/{row.pk}/unassign").status_code == 403
    boss.post(f"/dashboard/lines/{row.pk}/unassign")
    assert not PhoneNumber.objects.exists()


def test_the_admin_assigns(house: Cast, admin_client: Client) -> None:
    admin_client.post("/admin/subscribers/phonenumber/add/", {"number": "5551234", "project": str(house.id)})
    assert not PhoneNumber.objects.exists()
    admin_client.post("/admin/subscribers/phonenumber/add/", {"number": NUMBER, "project": str(house.id)})
    row = PhoneNumber.objects.get()
    assert (row.project_id, row.in_use) == (house.id, False)
