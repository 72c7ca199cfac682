"""What a page weighs before anything that is loaded when asked for: at most 150 kB."""

from __future__ import annotations

import pytest

from tests.dashboard.test_staff_pages_are_looked_at import PAGES, furnished, path_of  # noqa: F401

MOST = 150_000  # bytes, not compressed


def weigh(page, url: str) -> dict[str, int]:
    answers: list[object] = []

    def keep(answer) -> None:
        answers.append(answer)

    page.on("response", keep)
    page.goto(url)
    page.wait_for_load_state("load")
    page.remove_listener("response", keep)
    return {one.url: len(one.body()) for one in answers if one.ok}


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", PAGES)
def test_a_staff_page_is_light(desk, page, furnished, name, live_server):  # noqa: F811
    desk("/dashboard/glossary", "root").goto("about:blank")
    weights = weigh(page, live_server.url + path_of(name, furnished))
    assert 10_000 < sum(weights.values()) <= MOST, weights


def test_the_phone_is_light(page, live_server, db):
    weights = weigh(page, live_server.url + "/phone")
    assert any(url.endswith("/phone/card.js") for url in weights)
    assert sum(weights.values()) <= MOST, weights
