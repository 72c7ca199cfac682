"""The live list under load: 1,000 calls, 100 changes a second, and a person reading it meanwhile."""

from __future__ import annotations

import random
import time
from datetime import timedelta

from django.utils import timezone

CALLS = 1000
CHANGES_PER_SECOND = 100
SECONDS = 6

WATCH = """() => {
  window.gaps = [];
  let last = performance.now();
  const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
SHOWN = """() => Object.fromEntries([...document.querySelectorAll('#live-rows tr')].map(
  (row) => [row.id.slice(5), row.querySelector('.badge').textContent]))"""


def many(project, count: int) -> list:
    from calling import models

    now = timezone.now()
    calls = [
        models.Call(
            project=project, from_address=f"/private/a{n}", to_address=f"/private/b{n}", state="ringing",
            kind="subscriber", created_at=now + timedelta(milliseconds=n), deadline=now + timedelta(hours=1),
        )
        for n in range(count)
    ]  # fmt: skip
    models.Call.objects.bulk_create(calls)
    models.Leg.objects.bulk_create(
        models.Leg(
            call=call, position=n, role=role, party="device", address=f"/private/{role}", state="ringing"
        )
        for call in calls
        for n, role in enumerate(("caller", "callee"))
    )
    return calls


def change(row) -> None:
    """Ringing becomes answered, answered becomes ended."""
    from calling import models

    rows = models.Call.objects.filter(pk=row.pk)
    if row.state == "ringing":
        row.state = "answered"
        rows.update(state=row.state, answered_at=timezone.now())
    elif row.state == "answered":
        row.state = "ended"
        rows.update(
            state=row.state, ended_at=timezone.now(), end_reason="hangup", end_cause="normal", deadline=None
        )


def expected() -> dict[str, str]:
    from calling import models

    rows = models.Call.objects.exclude(state="ended").order_by("-created_at", "-id")
    rows = rows.filter(project__name="Acme")[:200]
    return {str(row.pk): row.state for row in rows}


def test_a_thousand_calls_and_a_hundred_changes_a_second(desk, world, request):
    calls = many(world.project, CALLS)
    dice = random.Random(request.config.getoption("--seed"))
    page = desk("/dashboard/", "otto")
    page.locator("#live-total").get_by_text(str(CALLS + 2)).wait_for()
    button = page.locator("#live-rows tr button").nth(5)
    button.focus()
    kept = page.evaluate("document.activeElement.getAttribute('formaction')")
    shielded = {str(call.pk) for call in calls if str(call.pk) in kept}
    page.evaluate(WATCH)
    for _ in range(SECONDS):
        started = time.monotonic()
        for row in dice.sample(calls, CHANGES_PER_SECOND):
            if str(row.pk) not in shielded:
                change(row)
        page.wait_for_timeout(max(1, 1000 * (started + 1 - time.monotonic())))
    wanted = expected()
    deadline = time.monotonic() + 8
    while page.evaluate(SHOWN) != wanted and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert page.evaluate(SHOWN) == wanted
    assert int(page.locator("#live-total").inner_text()) > 200
    assert page.evaluate("document.activeElement.getAttribute('formaction')") == kept, "the focus was lost"
    gaps = sorted(page.evaluate("gaps"))
    print(
        f"{len(gaps)} frames: median {gaps[len(gaps) // 2]:.0f} ms, 99 % {gaps[-len(gaps) // 100]:.0f} ms, "
        f"longest {gaps[-1]:.0f} ms"
    )
    assert gaps[int(len(gaps) * 0.99)] < 250
