"""An export in the browser: a bar while it comes, then a file with every row."""

from __future__ import annotations

from pathlib import Path


def test_an_export_tells_how_far_it_is_and_saves_the_file(desk, world):
    page = desk("/dashboard/calls")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="These calls, JSON lines").click()
    page.get_by_text("4 rows saved").wait_for()
    assert waiting.value.suggested_filename == "calls.jsonl"
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert len(lines) == 4 and "/private/mallory" not in "".join(lines)


def test_the_project_is_chosen_on_every_page(desk, world):
    from calling.models import StaffRole

    StaffRole.objects.create(user=world.people["olga"], project=world.other, role="viewer")
    page = desk("/dashboard/calls")
    page.get_by_label("Project").select_option("Mallory's")
    page.get_by_text("/private/trent").wait_for()
    assert page.get_by_text("/private/alice").count() == 0
    assert page.get_by_role("button", name="Hang up").count() == 0, "only a viewer here"
