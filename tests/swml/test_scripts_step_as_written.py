"""The interpreter: control flow, variables, branches and bounds, one step at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling.swml import actions
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document
from calling.swml.state import Run

CALL = {"call_id": "c1", "from": "+15550001111", "to": "/public/menu", "type": "webrtc", "headers": []}


def begin(*steps: Any, **sections: Any) -> Run:
    return start(check_document({"sections": {"main": list(steps), **sections}}), call=CALL)


def play(run: Run, *outcomes: dict[str, Any]) -> list[actions.Action]:
    """All actions of a run, each answered by the next outcome; the run passes through JSON at every step."""
    seen: list[actions.Action] = []
    given = iter(outcomes)
    run, action = advance(run)
    while True:
        seen.append(action)
        if isinstance(action, actions.Done | actions.Hangup):
            return seen
        assert len(seen) < 200
        run, action = advance(Run.from_json(json.loads(json.dumps(run.as_json()))), next(given, {}))


def said(seen: list[actions.Action]) -> list[str]:
    return [one.playing.items[0].text for one in seen if isinstance(one, actions.Play)]


def test_steps_run_in_order_and_the_end_is_done() -> None:
    seen = play(begin("answer", {"play": "say:hello"}, {"sleep": 1500}, "hangup"))
    assert [type(one).__name__ for one in seen] == ["Answer", "Play", "Sleep", "Hangup"]
    assert seen[1].path == "sections.main[1].play" and seen[2] == actions.Sleep("sections.main[2].sleep", 1.5)
    assert play(begin("answer"))[-1] == actions.Done("")


def test_a_menu_prompts_and_switches() -> None:
    menu = begin(
        {"label": "again"},
        {"prompt": {"play": "say:1 or 2", "max_digits": 1}},
        {
            "switch": {
                "variable": "prompt_value",
                "case": {"1": [{"play": "say:one"}], "2": [{"transfer": "two"}]},
                "default": [{"goto": {"label": "again", "max": 2}}],
            }
        },
        "hangup",
        two=[{"play": "say:two ${prompt_value}"}],
    )
    digits = {"result": "match_digits"}
    assert said(play(menu, {**digits, "value": "1"})) == ["one"]


@pytest.mark.parametrize(
    ("values", "heard", "prompts"),
    [(["2"], ["two 2"], 1), (["9", "2"], ["two 2"], 2), (["9", "9", "9"], [], 3)],
)
def test_goto_repeats_at_most_max_times(values: list[str], heard: list[str], prompts: int) -> None:
    menu = begin(
        {"label": "again"},
        {"prompt": {"play": "say:1 or 2"}},
        {
            "switch": {
                "variable": "prompt_value",
                "case": {"2": [{"transfer": "two"}]},
                "default": [{"goto": {"label": "again", "max": 2}}],
            }
        },
        "hangup",
        two=[{"play": "say:two ${prompt_value}"}],
    )
    seen = play(menu, *({"result": "match_digits", "value": one} for one in values))
    assert said(seen) == heard
    assert sum(isinstance(one, actions.Prompt) for one in seen) == prompts


def test_cond_takes_the_first_true_branch() -> None:
    cond = {
        "cond": [
            {"when": "call.type == 'sip'", "then": [{"play": "say:sip"}]},
            {"when": "vars.n > 3", "then": [{"play": "say:big"}]},
            {"else": [{"play": "say:else"}]},
        ]
    }
    assert said(play(begin({"set": {"n": 5}}, cond, {"play": "say:after"}))) == ["big", "after"]
    assert said(play(begin(cond))) == ["else"]


def test_execute_returns_to_where_it_was() -> None:
    run = begin(
        {
            "execute": {
                "dest": "add",
                "params": {"a": 2, "b": 3},
                "on_return": [{"play": "say:sum ${return_value}"}],
            }
        },
        {"play": "say:last"},
        add=[
            {"set": {"c": "${params.a + params.b}"}},
            {"cond": [{"when": "c > 1", "then": [{"return": "${c}"}]}]},
            {"play": "say:never"},
        ],
    )
    assert said(play(run)) == ["sum 5", "last"]


def test_execute_branches_on_what_came_back() -> None:
    result = {"case": {"good": [{"play": "say:good"}]}, "default": [{"play": "say:bad"}]}
    run = begin({"execute": {"dest": "x", "result": result}}, x=[{"return": "good"}])
    assert said(play(run)) == ["good"]
    result = [{"when": "return_value.n == 2", "then": [{"play": "say:two"}]}]
    assert said(play(begin({"execute": {"dest": "x", "result": result}}, x=[{"return": {"n": 2}}]))) == [
        "two"
    ]


def test_a_document_from_elsewhere_is_asked_for_and_entered() -> None:
    run = begin(
        {"execute": {"dest": "https://s.example/x", "params": {"k": "${call.from}"}}}, {"play": "say:back"}
    )
    run, action = advance(run)
    assert isinstance(action, actions.Fetch) and action.params == {"k": "+15550001111"}
    other = check_document(
        {"sections": {"main": [{"play": "say:there ${params.k}"}, {"return": 1}]}}
    ).as_json()
    run, action = advance(run, {"document": other})
    assert said([action]) == ["there +15550001111"]
    run, action = advance(run)
    assert said([action]) == ["back"] and len(run.documents) == 1
    failed = advance(advance(begin({"transfer": "https://s.example/x"}))[0], {"error": "no answer in time"})[
        1
    ]
    assert isinstance(failed, actions.Done) and "no answer in time" in failed.error


def test_an_inline_document_is_entered() -> None:
    inline = json.dumps({"sections": {"main": [{"play": "say:inner"}]}})
    assert said(play(begin({"execute": inline}, {"play": "say:outer"}))) == ["inner", "outer"]
    assert "unknown verb" in play(begin({"transfer": '{"sections": {"main": ["x"]}}'}))[-1].error  # type: ignore[attr-defined]


def test_connect_gives_groups_and_branches_on_the_result() -> None:
    connect = {
        "connect": {
            "serial_parallel": [["/private/bob", "/private/carol"], ["/private/dave"]],
            "timeout": 20,
            "headers": [{"name": "x-order", "value": "${vars.order}"}],
            "result": {"case": {"connected": [{"play": "say:bye"}]}, "default": [{"play": "say:busy"}]},
        }
    }
    seen = play(begin({"set": {"order": 7}}, connect), {"result": "failed", "reason": "busy"})
    first = seen[0]
    assert isinstance(first, actions.Connect)
    assert [[one.to for one in group] for group in first.groups] == [
        ["/private/bob", "/private/carol"],
        ["/private/dave"],
    ]
    assert first.groups[1][0].headers == {"x-order": "7"} and first.groups[0][0].timeout == 20
    assert said(seen) == ["busy"]
    assert said(play(begin(connect), {"result": "connected"})) == ["bye"]


@pytest.mark.parametrize(
    ("steps", "from_caller"),
    [
        ([{"connect": "/private/bob"}], False),
        ([{"connect": "${call.from}"}], True),
        ([{"prompt": "say:?"}, {"connect": "+1${prompt_value}"}], True),
        ([{"prompt": "say:?"}, {"set": {"a": {"b": "${prompt_value}"}}}, {"connect": "+1${a.b}"}], True),
        (
            [
                {"prompt": "say:?"},
                {"set": {"a": "${prompt_value}"}},
                {"set": {"a": "+1555"}},
                {"connect": "${a}"},
            ],
            False,
        ),
        ([{"prompt": "say:?"}, {"connect": "${vars['prompt_' + 'value']}"}], True),
        ([{"prompt": "say:?"}, {"execute": {"dest": "go", "params": {"to": "${prompt_value}"}}}], True),
        ([{"prompt": "say:?"}, {"execute": {"dest": "go", "params": {"to": "/private/bob"}}}], False),
        ([{"prompt": "say:?"}, {"execute": "back"}, {"connect": "+${return_value}"}], True),
        (
            [
                {"prompt": "say:?"},
                {"switch": {"variable": "prompt_value", "case": {"1": [{"connect": "/private/bob"}]}}},
            ],
            False,
        ),
        ([{"request": {"url": "https://a.example"}}, {"connect": "${request_response_body}"}], False),
    ],
)
def test_a_destination_made_of_the_callers_words_is_marked(steps: list[Any], from_caller: bool) -> None:
    sections = {"go": [{"connect": "${params.to}"}], "back": [{"return": "${prompt_value}"}]}
    seen = play(begin(*steps, **sections), {"value": "1", "body": "/private/bob"}, {"value": "1"}, {})
    assert [
        d.from_caller for one in seen if isinstance(one, actions.Connect) for g in one.groups for d in g
    ] == [from_caller]


def test_a_request_sets_its_variables() -> None:
    run = begin(
        {
            "request": {
                "url": "https://a.example/${call.call_id}",
                "method": "POST",
                "body": {"n": "${call.from}"},
                "headers": {"x-k": "v"},
                "save_variables": True,
            }
        },
        {"play": "say:${request_response.name} ${request_response_code} ${request_response_headers.etag}"},
    )
    seen = play(run, {"status": 200, "headers": {"ETag": "e1"}, "body": '{"name": "Bob"}'})
    request = seen[0]
    assert isinstance(request, actions.Request) and request.url == "https://a.example/c1"
    assert request.headers["Content-Type"] == "application/json" and json.loads(request.body) == {
        "n": "+15550001111"
    }
    assert said(seen) == ["Bob 200 e1"]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"goto": "nowhere"}], "no label"),
        ([{"execute": "nowhere"}], "no section"),
        ([{"execute": "main"}], "nests deeper"),
        ([{"transfer": "main"}], "more than 10000 steps"),
        ([{"set": {"a": "${'x'.repeat(60000)}"}}, {"set": {"b": "${a}"}}], "64 kB"),
        ([{"play": {"url": "say:x", "volume": "${call.from}"}}], "play.volume: must be between"),
        ([{"play": "${call.to}"}], "must begin with"),
        ([{"connect": "${nothing}"}], "is empty"),
        ([{"sleep": "${call.to}"}], "must be a number"),
    ],
)
def test_what_cannot_go_on_ends_with_a_reason(steps: list[Any], words: str) -> None:
    last = play(begin(*steps))[-1]
    assert isinstance(last, actions.Done) and words in last.error


def test_an_unset_variable_leaves_the_default() -> None:
    seen = play(begin({"play": {"url": "say:x", "volume": "${nothing}", "loop": 3}}, {"unset": "x"}))
    assert isinstance(seen[0], actions.Play) and seen[0].playing.volume == 0 and seen[0].playing.loops == 3
