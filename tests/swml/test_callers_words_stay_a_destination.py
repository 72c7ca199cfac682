"""Whatever a caller says, types or is called: a script never runs, asks or tells anybody by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling.swml import actions, load
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document
from calling.swml.run import Runner
from calling.swml.state import Run

PAYS = {"connect": {"to": "+46701112233", "from": "+46812345678"}}
DOCUMENT = json.dumps({"version": "1.0.0", "sections": {"main": [PAYS]}})
ELSEWHERE = check_document(json.loads(DOCUMENT)).as_json()
SECTIONS = {
    "vault": [PAYS],
    "go": [{"transfer": "${params.to}"}],
    "back": [{"return": "${call.headers[0].value}"}],
}

# Ways by which the caller's words reach a script: (steps before, the template that says them)
WAYS: dict[str, tuple[list[Any], str]] = {
    "a header": ([], "${call.headers[0].value}"),
    "a name": ([], "%{call.from_name}"),
    "metadata": ([], "${call.metadata.user_variables.a}"),
    "keys": ([{"prompt": "say:?"}], "${prompt_value}"),
    "a variable": ([{"set": {"a": {"b": "${call.from_name}"}}}], "${vars.a.b}"),
    "every variable": ([{"set": {"a": "${call.from_name}"}}], "${vars['' + 'a']}"),
    "what was returned": ([{"execute": "back"}], "${return_value}"),
    "a function of them": ([], "${call.from_name.trim()}"),
    "a choice of them": ([], "${call.nothing ? 'vault' : call.from_name}"),
    "a control_id": (
        [{"record_call": {"control_id": "${call.from_name.substring(0, 64)}"}}],
        "${record_control_id}",
    ),
}
WORDS = {
    "a document": DOCUMENT,
    "a document after a space": " " + DOCUMENT,
    "a list": f"[{DOCUMENT}]",
    "a URL": "https://evil.example/swml",
    "a URL in capitals": "HTTPS://evil.example/swml",
    "a URL of http": "http://evil.example/swml",
    "a section": "vault",
    "the first section": "main",
}


def begin(words: str, *steps: Any) -> Run:
    call = {
        "call_id": "c1", "from": words, "to": "/public/menu", "type": "webrtc", "from_name": words,
        "headers": [{"name": "x-a", "value": words}], "metadata": {"user_variables": {"a": words}},
    }  # fmt: skip
    return start(check_document({"sections": {"main": list(steps), **SECTIONS}}), call=call)


def play(run: Run, words: str = "") -> list[actions.Action]:
    """All actions of a run; a prompt is answered with the words, and a fetch with a document that pays."""
    seen: list[actions.Action] = []
    run, action = advance(run)
    while True:
        seen.append(action)
        if isinstance(action, actions.Done | actions.Hangup):
            return seen
        assert len(seen) < 100
        outcome = {"value": words, "control_id": words, "document": ELSEWHERE, "body": words}
        run, action = advance(Run.from_json(json.loads(json.dumps(run.as_json()))), outcome)


@pytest.mark.parametrize("verb", ["transfer", "execute"])
@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("way", WAYS)
def test_they_are_no_document_no_url_and_no_section(way: str, words: str, verb: str) -> None:
    before, template = WAYS[way]
    seen = play(begin(WORDS[words], *before, {verb: {"dest": template}}), WORDS[words])
    assert not [one for one in seen if isinstance(one, actions.Connect | actions.Fetch | actions.Transfer)]
    end = seen[-1]
    assert isinstance(end, actions.Done) and f".{verb}.dest" in end.error and "caller input" in end.error


@pytest.mark.parametrize("words", WORDS)
def test_not_as_a_parameter_of_another_section_either(words: str) -> None:
    to = {"to": "${call.headers[0].value}"}
    seen = play(begin(WORDS[words], {"execute": {"dest": "go", "params": to}}))
    assert isinstance(seen[-1], actions.Done) and "caller input" in seen[-1].error and len(seen) == 1
    run, fetch = advance(begin(WORDS[words], {"execute": {"dest": "https://a.example/", "params": to}}))
    there = check_document({"sections": {"main": [{"transfer": "${params.to}"}], **SECTIONS}}).as_json()
    run, end = advance(run, {"document": there})
    assert isinstance(fetch, actions.Fetch)
    assert isinstance(end, actions.Done) and "caller input" in end.error


def test_nor_inside_a_document_that_the_script_writes() -> None:
    inline = '{"sections": {"main": [{"play": "say:${call.from_name}"}]}}'
    seen = play(begin('"}, {"connect": "+46701112233"}, {"play": "say:x', {"execute": inline}))
    assert isinstance(seen[-1], actions.Done) and "caller input" in seen[-1].error and len(seen) == 1


@pytest.mark.parametrize("words", ["/private/bob", "+46701112233", "sip:x@y.example"])
def test_a_destination_goes_through_marked_as_the_caller_s(words: str) -> None:
    (transfer, _) = play(begin(words, {"transfer": "${call.from_name}"}))
    assert isinstance(transfer, actions.Transfer) and transfer.to == words and transfer.from_caller


@pytest.mark.parametrize("name", ["/private/ceo", "alice", "1234"])
def test_a_room_of_their_name_is_asked_of_the_caller_s_scope(name: str) -> None:
    for verb in ("join_room", "join_conference"):
        (room, _) = play(begin(name, {verb: "${call.from_name}"}))
        assert isinstance(room, actions.JoinRoom) and room.from_caller
        (room, _) = play(begin(name, {verb: "standup"}))
        assert isinstance(room, actions.JoinRoom) and not room.from_caller


def test_they_name_no_label() -> None:
    seen = play(begin("x", {"goto": {"label": "${call.from_name}"}}, {"label": "x"}, PAYS))
    assert isinstance(seen[0], actions.Done) and "goto.label" in seen[0].error


# Every parameter that names whom to ask, fetch from, stream to or tell.
URL_STEPS: dict[str, Any] = {
    "request": lambda url: {"request": {"url": url}},
    "play": lambda url: {"play": url},
    "play of several": lambda url: {"play": {"urls": ["say:hello", url]}},
    "prompt": lambda url: {"prompt": {"play": [url]}},
    "ringback": lambda url: {"connect": {"to": "/private/bob", "ringback": [url]}},
    "ringback's status": lambda url: {
        "connect": {"to": "/private/bob", "ringback": {"url": "ring:us", "status_url": url}}
    },
    "play's status": lambda url: {"play": {"url": "say:x", "status_url": url}},
    "prompt's status": lambda url: {"prompt": {"play": "say:x", "status_url": url}},
    "record's status": lambda url: {"record": {"status_url": url}},
    "record_call's status": lambda url: {"record_call": {"status_url": url}},
    "connect's status": lambda url: {"connect": {"to": "/private/bob", "status_url": url}},
    "connect's states": lambda url: {"connect": {"to": "/private/bob", "call_state_url": url}},
    "a device's status": lambda url: {"connect": {"serial": [{"to": "/private/bob", "status_url": url}]}},
    "stream": lambda url: {"stream": url.replace("http", "ws")},
    "stream's status": lambda url: {"stream": {"url": "wss://a.example/", "status_url": url}},
    "tap": lambda url: {"tap": url.replace("http", "ws")},
    "tap's status": lambda url: {"tap": {"uri": "wss://a.example/", "status_url": url}},
}
THEIRS = {
    "whole": ("${call.from_name}", "{scheme}://evil.example/x"),
    "the authority": ("https://${call.from_name}/x", "evil.example"),
    "the end of the authority": ("https://a.example${call.from_name}", ".evil.example/"),
    "userinfo": ("https://a.example${call.from_name}", "@evil.example/"),
    "a port": ("https://a.example:${call.from_name}/x", "8443"),
    "the scheme": ("${call.from_name}://a.example/x", "{scheme}"),
    "a way up": ("https://a.example/users/${call.from_name}/x", "../../admin"),
    "a way up in percent": ("https://a.example/users/${call.from_name}/x", "%2e%2E/admin"),
    "a way up by a backslash": ("https://a.example/users/${call.from_name}/x", "..\\admin"),
}


@pytest.mark.parametrize("whose", THEIRS)
@pytest.mark.parametrize("step", URL_STEPS)
def test_they_say_nobody_to_ask_or_to_tell(step: str, whose: str) -> None:
    template, words = THEIRS[whose]
    scheme = "wss" if step in ("stream", "tap") else "https"
    seen = play(begin(words.format(scheme=scheme), URL_STEPS[step](template)))
    assert isinstance(seen[0], actions.Done) and "caller input" in seen[0].error


@pytest.mark.parametrize("step", URL_STEPS)
def test_they_fill_the_path_and_query_of_a_url_that_the_script_says(step: str) -> None:
    for base in ("https://a.example", "${envs.base}", "${mine}"):
        run = begin(
            "x1",
            {"set": {"mine": "https://a.example"}},
            URL_STEPS[step](f"{base}/u/${{call.from_name}}?n=${{call.from}}"),
        )
        if step in ("stream", "tap") and base != "https://a.example":
            continue
        run.envs["base"] = "https://a.example"
        seen = play(run)
        assert not isinstance(seen[0], actions.Done), seen[0]


def test_they_fill_the_query_alone_where_the_url_is_a_document_s() -> None:
    (fetch, *_) = play(begin("x&y", {"transfer": "https://a.example/swml?who=${call.from_name}"}))
    assert isinstance(fetch, actions.Fetch) and fetch.from_caller and fetch.url.endswith("/swml?who=x&y")
    (done,) = play(begin("x", {"transfer": "https://a.example/${call.from_name}"}))
    assert isinstance(done, actions.Done) and "query" in done.error
    (fetch, *_) = play(begin("x", {"transfer": "https://a.example/swml"}))
    assert isinstance(fetch, actions.Fetch) and not fetch.from_caller


def test_a_request_s_url_stays_theirs_and_its_answer_is_the_server_s() -> None:
    ask = {"request": {"url": "https://a.example/?${call.from_name}"}}
    (request, done) = play(begin("vault", ask, {"transfer": "${request_url}"}))
    assert isinstance(request, actions.Request) and request.from_caller
    assert isinstance(done, actions.Done) and "caller input" in done.error
    (_, connect, _) = play(begin("x", ask, {"connect": "${request_response_body}"}), "/private/bob")
    assert isinstance(connect, actions.Connect) and not connect.groups[0][0].from_caller


class Elsewhere:
    """A client whose server redirects; notes how many redirects it may follow."""

    def __init__(self) -> None:
        self.redirects: list[int | None] = []

    async def fetch(self, url: str, *, redirects: int | None = None, **rest: Any) -> Any:
        self.redirects.append(redirects)
        raise load.FetchFailed("redirect", "too many redirects")


async def test_a_url_with_their_words_in_it_is_not_led_elsewhere() -> None:
    http = Elsewhere()
    steps = [{"request": {"url": u}} for u in ("https://a.example/", "https://a.example/?${call.from_name}")]
    document = check_document(
        {"sections": {"main": [*steps, {"execute": "https://a.example/?${call.from_name}"}]}}
    )

    class Host:
        async def keep(self, progress: Any) -> None: ...

    await Runner.begin(document, Host(), call={"from_name": "x"}, http=http).run()  # type: ignore[arg-type]
    assert http.redirects == [None, 0, 0]
    with pytest.raises(BadScript):
        await load.fetched("https://a.example/", {}, http=http, redirects=0)  # type: ignore[arg-type]
