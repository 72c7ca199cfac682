"""`connect` with `conversation_relay`: what a script may ask for, and what it learns of the end."""

from __future__ import annotations

from typing import Any

import pytest

from calling.swml import actions
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document
from calling.swml.state import Run

URL = "wss://agent.example/talk"
ENDED = {
    "result": "connected", "relay_result": "ended", "handoff_data": "${call.from} ${1 + 1}",
    "session_id": "VX1",
}  # fmt: skip


def run_of(*steps: Any, **sections: Any) -> Run:
    document = check_document({"sections": {"main": list(steps), **sections}})
    return start(document, call={"from": "+15550100", "type": "phone"})


def relay(**fields: Any) -> dict[str, Any]:
    return {"connect": {"conversation_relay": {"url": URL, **fields}}}


def asked(step: dict[str, Any], *before: Any) -> actions.ConnectRelay:
    _, action = advance(run_of(*before, step))
    assert isinstance(action, actions.ConnectRelay), action
    return action


def test_names_of_ours_and_of_twilio_ask_for_the_same() -> None:
    ours = relay(
        welcome_greeting="Hi", welcome_greeting_interruptible=False, dtmf_detection=True,
        tts_language="de-DE", interruptible="speech", report_input_during_agent_speech="any", hints="a,b",
        parameters={"a": "1"},
    )  # fmt: skip
    theirs = relay(
        welcomeGreeting="Hi", welcomeGreetingInterruptible="none", dtmfDetection="true",
        ttsLanguage="de-DE", interruptible="speech", reportInputDuringAgentSpeech="any", hints="a,b",
        parameters=[{"name": "a", "value": "1"}],
    )  # fmt: skip
    assert asked(ours).asked == asked(theirs).asked
    assert asked(ours).asked["welcome_greeting_interruptible"] == "none"


def test_numbers_are_taken_out_as_a_list_or_a_text_says() -> None:
    assert asked(relay(redact="digits, card_numbers")).asked["redact"] == ["digits", "card_numbers"]
    assert asked(relay(redact=["digits"])).asked["redact"] == ["digits"]
    assert asked(relay(redact=[])).asked["redact"] == []
    assert "redact" not in asked(relay()).asked


def test_expressions_are_filled_when_the_step_runs() -> None:
    step = relay(
        welcome_greeting="Hello ${name}", parameters={"caller": "${call.from}"}, language="${language}",
        status_url="https://e.example/told?who=${call.from}",
    )  # fmt: skip
    action = asked(step, {"set": {"name": "Ann"}})
    assert action.asked == {
        "url": URL,
        "welcome_greeting": "Hello Ann",
        "parameters": {"caller": "+15550100"},
    }
    assert action.status_url == "https://e.example/told?who=+15550100"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"url": "https://agent.example/"}, "url"),
        ({"url": ""}, "url"),
        ({"welcomeGreetings": "Hi"}, "welcomeGreetings"),
        ({"welcome_greeting": "a", "welcomeGreeting": "b"}, "welcomeGreeting"),
        ({"interruptible": "sometimes"}, "interruptible"),
        ({"language": "english!"}, "language"),
        ({"tts_provider": "ElevenLabs"}, "tts_provider"),
        ({"speechModel": "nova-3"}, "speech_model"),
        ({"parameters": "a"}, "parameters"),
        ({"parameters": {"a": "x" * 5000}}, "a"),
        ({"model": "best"}, "model"),
        ({"redact": "names"}, "redact[0]"),
        ({"redact": ["digits", {}]}, "redact[1]"),
        ({"redact": True}, "redact"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadScript) as refused:
        run_of(relay(**fields))
    assert refused.value.path.endswith(f"conversation_relay.{path}") or refused.value.path.endswith(path)


@pytest.mark.parametrize("extra", [{"to": "/private/bob"}, {"timeout": 5}, {"ringback": "ring:us"}])
def test_nothing_of_a_destination_goes_with_it(extra: dict[str, Any]) -> None:
    with pytest.raises(BadScript):
        run_of({"connect": {**relay()["connect"], **extra}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "wss://${call.from}.example/talk"),
        ("url", "${call.headers.url}"),
        ("url", "wss://agent.example/${call.from}/../../x"),
        ("status_url", "https://${call.from}.example/"),
    ],
)
def test_the_callers_words_name_no_program(field: str, value: str) -> None:
    call = {"from": "evil", "headers": {"url": "wss://evil.example/x"}}
    document = check_document({"sections": {"main": [relay(**{field: value})]}})
    _, action = advance(start(document, call=call))
    assert isinstance(action, actions.Done) and action.error, action


def test_a_filled_value_is_not_read_as_an_expression_again() -> None:
    action = asked(relay(welcome_greeting="${words}"), {"set": {"words": "a"}})
    assert action.asked["welcome_greeting"] == "a"
    document = check_document({"sections": {"main": [relay(language="${call.from}")]}})
    _, done = advance(start(document, call={"from": "${1 + 1}"}))
    assert isinstance(done, actions.Done) and "language" in done.error


def test_the_end_sets_variables_and_branches() -> None:
    result = {"case": {"connected": [{"play": "say:${relay_result} ${relay_session_id}"}]}}
    step = {"connect": {**relay()["connect"], "result": result}}
    run, _ = advance(run_of(step))
    run, action = advance(run, ENDED)
    assert isinstance(action, actions.Play) and action.playing.items[0].text == "ended VX1"
    assert run.vars["relay_handoff_data"] == ENDED["handoff_data"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ENDED, "ended  ${call.from} ${1 + 1} VX1"),
        ({"result": "failed", "relay_result": "failed", "reason": "program_lost"}, "failed program_lost"),
    ],
)
def test_a_section_as_action_learns_how_it_ended(outcome: dict[str, Any], words: str) -> None:
    step = {"connect": {**relay()["connect"], "action": "after"}}
    told = "say:${params.session_status} ${params.reason} ${params.handoff_data} ${params.session_id}"
    run, _ = advance(run_of(step, {"play": "say:never"}, after=[{"play": told}]))
    _, action = advance(run, outcome)
    assert isinstance(action, actions.Play) and action.playing.items[0].text.split() == words.split()


def test_a_url_as_action_is_asked_for_what_comes_next() -> None:
    step = {"connect": {**relay()["connect"], "action": "https://e.example/next"}}
    run, _ = advance(run_of(step))
    _, action = advance(run, ENDED)
    assert isinstance(action, actions.Fetch) and action.url == "https://e.example/next"
    assert (
        action.params["session_status"] == "ended" and action.params["handoff_data"] == ENDED["handoff_data"]
    )


def test_a_prompt_takes_words_where_it_says_something_of_speech() -> None:
    def prompt(**fields: Any) -> actions.Prompt:
        _, action = advance(run_of({"prompt": {"play": "say:Who?", **fields}}))
        assert isinstance(action, actions.Prompt)
        return action

    assert (prompt().speech, prompt().digits) == (None, True)
    spoken = prompt(speech_language="en-GB", speech_hints=["sales"], speech_end_timeout=1, speech_timeout=20)
    assert spoken.speech == {
        "language": "en-GB", "hints": ["sales"], "end_silence_timeout": 1, "speech_timeout": 20,
    }  # fmt: skip
    assert spoken.digits is False
    both = prompt(speech_engine="", max_digits=4)
    assert both.speech == {} and both.digits is True and both.max_digits == 4
