"""What a rehearsal reads and measures: planted latency, dead air, talk-over and barge-in are found."""

from __future__ import annotations

import pytest

from bench.rehearsal.conversation import Level, Stretch, measure, stretches
from bench.rehearsal.report import findings
from bench.rehearsal.scenario import BadScenario, Limits, Scenario, Step, parse
from config.env import ROOT

WHOLE = """
name: booking
to: /public/agent
voice: en-gb
limits: {turn_latency_ms: 800, dead_air_ms: 3000}
steps:
  - listen
  - listen: {timeout: 5, pause: 0.5}
  - say: A table for two, please.
  - interrupt: {text: Stop., after: 1.5}
  - interrupt: Wait.
  - mumble: 2
  - silent: 3
  - digits: 1234
expect: {digits: "1234", words: [Table]}
"""


def heard(*voice: Stretch, until: float = 20.0) -> list[Level]:
    """20 ms each, loud where there is a voice."""
    times = [number / 50 for number in range(int(until * 50))]
    return [(at, 3000.0 if any(a <= at < b for a, b in voice) else 5.0) for at in times]


def test_a_scenario_is_read() -> None:
    found = parse(WHOLE)
    kinds = [each.kind for each in found.steps]
    assert kinds == ["listen", "listen", "say", "interrupt", "interrupt", "mumble", "silent", "digits"]
    assert found.limits == Limits(turn_latency_ms=800, dead_air_ms=3000)
    assert (found.digits, found.words, found.voice) == ("1234", ("table",), "en-gb")
    assert found.steps[1] == Step("listen", seconds=0.5, timeout=5)
    assert found.steps[3] == Step("interrupt", text="Stop.", seconds=1.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("- listen\n", "- shout\n"), r"steps\[0\]: shout is no step"),
        (("mumble: 2", "mumble: loud"), "seconds"),
        (("mumble: 2", "mumble: 1000"), "seconds"),
        (("digits: 1234", "digits: 12x"), "must be of 0-9"),
        (("turn_latency_ms: 800", "latency: 800"), "limits has no latency"),
        (("turn_latency_ms: 800", "turn_latency_ms: -1"), "milliseconds"),
        (("to: /public/agent\n", ""), "to must be a text"),
        (("words: [Table]", "words: Table"), "must be a list"),
        (("name: booking", "name: [a"), "not YAML"),
        (("steps:", "stages:"), "has no stages"),
        ((WHOLE, "[]"), "must be an object"),
        (("listen: {timeout: 5", "listen: {wait: 5"), "has no wait"),
    ],
)
def test_a_wrong_one_names_the_place(change: tuple[str, str], words: str) -> None:
    assert change[0] in WHOLE
    with pytest.raises(BadScenario, match=words):
        parse(WHOLE.replace(*change))


def test_a_voice_is_one_stretch_over_short_pauses_and_clicks_are_none() -> None:
    found = stretches(heard((1, 2), (2.2, 3), (5, 5.04), (8, 9)))
    assert [(round(a, 2), round(b, 2)) for a, b in found] == [(1, 3), (8, 9)]


@pytest.mark.parametrize("latency", [0.1, 0.8, 2.5])
def test_a_planted_latency_is_measured_to_20_ms(latency: float) -> None:
    mine, theirs = stretches(heard((2, 4))), stretches(heard((0.2, 1.5), (4 + latency, 7)))
    (found,) = measure(mine, theirs, 0, 8).turn_latency
    assert abs(found - latency * 1000) <= 20.1


@pytest.mark.parametrize("number", range(50))
def test_planted_faults_are_found_and_nothing_else(number: int) -> None:
    """One of dead air, talk-over, a slow stop and lost digits in each, at another place each time."""
    shift, kind = number * 0.037, number % 4
    silence, over, stop = (
        (5.0 if kind == 0 else 1.0),
        (0.9 if kind == 1 else -0.3),
        (2.0 if kind == 2 else 0.3),
    )
    theirs = [(0.3, 2.0 + shift)]
    mine = [(2.5 + shift, 5.0 + shift)]
    theirs.append((5.0 + shift - over, 9.0 + shift))
    mine.append((9.0 + shift - stop, 11.0 + shift))
    theirs.append((11.0 + shift + silence, 14.0 + shift + silence))
    end = 14.5 + shift + silence
    measured = measure(stretches(heard(*mine, until=25)), stretches(heard(*theirs, until=25)), 0, end)
    scenario = Scenario("s", "/a", (), Limits(6000, 4000, 500, 1500), digits="1234")
    taken = "124" if kind == 3 else "1234"
    found = {each.kind for each in findings(scenario, measured, digits=[taken], words=None, ended=False)}
    assert found == {("dead_air", "talk_over", "barge_in", "digits")[kind]}


def test_words_count_where_there_was_a_recogniser() -> None:
    scenario = Scenario("s", "/a", (), words=("table", "seven"))
    measured = measure([], [], 0, 0)
    assert findings(scenario, measured, digits=[], words=None, ended=False) == []
    found = findings(scenario, measured, digits=[], words="A TABLE at eight.", ended=False)
    assert [(each.kind, each.text) for each in found] == [("words", "seven was not said")]


def test_a_call_that_ends_in_the_middle_is_a_finding() -> None:
    found = findings(Scenario("s", "/a", ()), measure([], [], 0, 0), digits=[], words=None, ended=True)
    assert [each.kind for each in found] == ["ended"]


def test_the_scenario_of_the_page_is_one() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    found = parse(page.partition('```yaml title="elsewhere"\n')[2].partition("```")[0])
    assert found.to == "/public/agent" and found.words == ("three",) and len(found.steps) == 7
