"""Who speaks when: queues, barge-in, what gives way to what, and the end. Without sound or sockets."""

from __future__ import annotations

import pytest

from calling.media.operations.relay.conversation import Wish
from calling.media.operations.relay.effects import Drop, Listen, PlayFile, Press, Speak
from calling.media.operations.relay.messages import MODES
from tests.media.relay.talk import WORD_MS, Talk

SENTENCE = "Life is a complex set of many small things and people"


def heard_of(talk: Talk) -> str:
    found: str = talk.told("interrupt")[-1]["utteranceUntilInterrupt"]
    return found


def test_tokens_are_said_as_sentences_in_their_order() -> None:
    talk = Talk()
    for token in ("Hel", "lo the", "re. How ", "can I ", "help y", "ou?"):
        talk.text(token)
    talk.text("", last=True)
    talk.hear()
    assert talk.spoken == ["Hello there. ", "How can I help you?"]
    assert not talk.core.speaking and talk.frames == []


def test_a_missing_last_is_not_waited_for() -> None:
    talk = Talk()
    talk.text("Good morning")
    assert talk.wait(200) == [] and talk.spoken == []
    talk.wait(300)
    assert talk.spoken == ["Good morning"]
    talk.text(" everybody")
    talk.wait(500)
    assert talk.spoken == ["Good morning", " everybody"]


@pytest.mark.parametrize("words", range(len(SENTENCE.split()) + 1))
def test_an_interruption_tells_what_was_heard_at_each_word(words: int) -> None:
    talk = Talk()
    talk.text(SENTENCE + ".", last=True)
    talk.hear(max(1, words * WORD_MS - 1))
    talk.voice()
    assert abs(len(heard_of(talk).split()) - words) <= 1
    assert SENTENCE.startswith(heard_of(talk).rstrip("."))
    assert talk.told("interrupt")[0]["durationUntilInterruptMs"] == max(1, words * WORD_MS - 1)
    assert talk.queue == [] and not talk.core.speaking


def test_what_was_said_before_counts_and_another_answer_does_not() -> None:
    talk = Talk()
    talk.text("First answer.", last=True)
    talk.hear()
    talk.text("One two three. Four five six. Seven eight nine.", last=True)
    talk.hear(4 * WORD_MS + 350)
    talk.voice()
    assert heard_of(talk) == "One two three. Four five"
    assert talk.told("interrupt")[0]["durationUntilInterruptMs"] == 4 * WORD_MS + 350


def test_nothing_is_interrupted_while_nothing_is_said() -> None:
    talk = Talk()
    talk.voice()
    talk.words("Hello?")
    assert talk.told("interrupt") == []
    assert talk.told("prompt") == [{"type": "prompt", "voicePrompt": "Hello?", "lang": "en-US", "last": True}]


def test_text_that_came_and_was_not_said_is_dropped_with_what_is_said() -> None:
    talk = Talk()
    talk.text("A first sentence is said. And a second one waits. ")
    talk.text("A third has")
    talk.hear(WORD_MS)
    effects = talk.voice()
    assert Drop(frozenset({1, 2})) in effects
    talk.wait(5000)
    assert len(talk.spoken) == 2 and not talk.core.speaking


def test_late_tokens_of_what_was_interrupted_are_dropped_until_its_last() -> None:
    talk = Talk()
    talk.text("A long answer is said now. ")
    talk.hear(WORD_MS)
    talk.voice()
    talk.text("late one ")
    talk.text("late two.", last=True)
    talk.text("A new answer.", last=True)
    talk.hear()
    assert talk.spoken[1:] == ["A new answer."]


@pytest.mark.parametrize("way", ["prompt", "key", "time"])
def test_without_a_last_the_next_input_or_a_second_begins_a_new_answer(way: str) -> None:
    talk = Talk(Wish(digits=True))
    talk.text("A long answer is said now. ")
    talk.hear(WORD_MS)
    talk.voice()
    talk.text("late ")
    if way == "prompt":
        talk.words("Stop.")
    elif way == "key":
        talk.key("5")
    else:
        talk.wait(1100)
    talk.text("A new answer.", last=True)
    assert talk.spoken[1:] == ["A new answer."]


@pytest.mark.parametrize(
    ("mode", "by_voice", "by_key"),
    [("any", True, True), ("speech", True, False), ("dtmf", False, True), ("none", False, False)],
)
def test_only_what_it_gives_way_to_interrupts_speech(mode: str, by_voice: bool, by_key: bool) -> None:
    for interrupts, act in ((by_voice, lambda talk: talk.voice()), (by_key, lambda talk: talk.key("1"))):
        of_session = Talk(Wish(interruptible=MODES[mode]))
        of_session.text(SENTENCE + ".", last=True)
        of_token = Talk(Wish(interruptible=MODES["none" if interrupts else "any"]))
        of_token.text(SENTENCE + ".", last=True, interruptible=mode)
        greeting = Talk(Wish(greeting=SENTENCE + ".", greeting_interruptible=MODES[mode]))
        greeting.do(greeting.core.begin())
        for talk in (of_session, of_token, greeting):
            talk.hear(1000)
            act(talk)
            assert bool(talk.told("interrupt")) is interrupts
            assert bool(talk.queue) is not interrupts


@pytest.mark.parametrize(("report", "words", "keys"), [("none", 0, 0), ("speech", 1, 0), ("any", 1, 1)])
def test_input_beside_speech_that_does_not_give_way_is_told_where_asked(
    report: str, words: int, keys: int
) -> None:
    talk = Talk(Wish(interruptible=MODES["none"], report=MODES[report], digits=True))
    talk.text(SENTENCE + ".", last=True)
    talk.hear(500)
    talk.voice(7)
    talk.key("3")
    talk.words("Beside.", 7)
    assert (len(talk.told("prompt")), len(talk.told("dtmf"))) == (words, keys)
    talk.hear()
    talk.voice(8)
    talk.words("After.", 8)
    talk.key("4")
    assert talk.told("prompt")[-1]["voicePrompt"] == "After." and talk.told("dtmf")[-1]["digit"] == "4"


def test_what_must_be_heard_outlives_the_interruption_of_what_comes_before_it() -> None:
    talk = Talk()
    talk.text("You may stop this. ", last=True)
    talk.text("This call is recorded.", last=True, interruptible=False)
    talk.hear(WORD_MS)
    talk.voice()
    assert [each.text for each in talk.queue] == ["This call is recorded."]


def test_speech_does_not_begin_over_a_caller_to_whom_it_gives_way() -> None:
    talk = Talk()
    talk.voice()
    talk.text("I would answer now.", last=True)
    talk.hear(100)
    assert heard_of(talk) == "" and talk.queue == []
    talk.do(talk.core.quiet())
    talk.text("I answer now.", last=True)
    talk.hear()
    assert len(talk.told("interrupt")) == 1


def test_the_onset_of_a_voice_interrupts_and_its_certainty_does_not_again() -> None:
    talk = Talk()
    talk.text(SENTENCE + ".", last=True)
    talk.hear(1000)
    talk.do(talk.core.onset(talk.now))
    talk.wait(64)
    talk.voice()
    talk.words("Stop.")
    assert len(talk.told("interrupt")) == 1 and len(talk.told("prompt")) == 1
    talk.text("A click stops this.", last=True)
    talk.do(talk.core.quiet())
    talk.hear(500)
    talk.do(talk.core.onset(talk.now))
    talk.text("And this is said all the same.", last=True)
    talk.hear()
    assert len(talk.told("interrupt")) == 2 and not talk.core.speaking


def test_a_noise_without_end_does_not_silence_the_program_for_ever() -> None:
    talk = Talk()
    talk.voice()
    talk.wait(10_100)
    talk.text("Is somebody there?", last=True)
    talk.hear()
    assert talk.told("interrupt") == []


def test_a_new_answer_takes_the_place_of_one_that_gives_way_to_it() -> None:
    talk = Talk()
    talk.text("Let me look that up for you.", last=True, preemptible=True)
    talk.hear(500)
    talk.text("Here it is.", last=True)
    assert [each.text for each in talk.queue] == ["Here it is."]
    assert talk.told("interrupt") == []
    lasting = Talk()
    lasting.text("Let me look that up for you.", last=True)
    lasting.text("Here it is.", last=True)
    assert len(lasting.queue) == 2
    music = Talk(Wish(preemptible=True))
    music.say(type="play", source="https://a.example/hold.mp3", loop=0)
    music.hear(100)
    music.text("Back again.", last=True)
    assert [type(each) for each in music.queue] == [Speak]


def test_files_and_text_come_in_the_order_in_which_they_were_sent() -> None:
    talk = Talk()
    talk.text("Before")
    talk.say(type="play", source="https://a.example/jingle.wav", loop=2)
    talk.text("After.", last=True)
    assert talk.queue == [
        Speak(1, "Before", "en-US"),
        PlayFile(2, "https://a.example/jingle.wav", 2),
        Speak(3, "After.", "en-US"),
    ]
    talk.hear()
    assert not talk.core.speaking


def test_languages_change_where_the_program_says_so() -> None:
    talk = Talk(Wish(language="en-US", heard_language="en-US"))
    talk.text("Hello ")
    talk.text("bonjour ", lang="fr-FR")
    talk.text("again.", last=True)
    assert [(each.text, each.language) for each in talk.queue if isinstance(each, Speak)] == [
        ("Hello ", "en-US"), ("bonjour ", "fr-FR"), ("again.", "en-US"),
    ]  # fmt: skip
    talk.hear()
    assert talk.say(type="language", ttsLanguage="es-ES", transcriptionLanguage="es-ES") == [Listen("es-ES")]
    talk.words("Before the ear has changed.")
    talk.core.listening("es-ES")
    talk.words("Hola.")
    assert [each["lang"] for each in talk.told("prompt")] == ["en-US", "es-ES"]
    talk.text("Buenos días.", last=True)
    assert talk.effects[-1] == Speak(4, "Buenos días.", "es-ES")
    assert talk.say(type="language", transcriptionLanguage="es-ES") == []


def test_keys_are_told_where_asked_and_sent_where_wanted() -> None:
    deaf, talk = Talk(), Talk(Wish(digits=True))
    deaf.key("1")
    talk.key("#")
    assert deaf.frames == [] and talk.frames == [{"type": "dtmf", "digit": "#"}]
    assert talk.say(type="sendDigits", digits="12w#") == [Press("12w#")]


def test_partial_words_are_told_only_where_asked() -> None:
    for wanted in (False, True):
        talk = Talk(Wish(partial=wanted))
        talk.words("I would", last=False)
        talk.words("I would like.", last=True)
        assert [each["last"] for each in talk.told("prompt")] == ([False, True] if wanted else [True])


def test_the_end_waits_for_what_is_being_said_and_not_for_more() -> None:
    talk = Talk()
    talk.text("Good")
    talk.text("bye.")
    talk.say(type="end", handoffData="sales")
    assert talk.end is None
    talk.text("Nobody hears this.", last=True)
    talk.hear()
    assert talk.end is not None and (talk.end.reason, talk.end.handoff) == ("ended", "sales")
    assert talk.spoken == ["Goodbye."]


def test_the_end_comes_at_once_where_nothing_is_said_or_the_caller_interrupts() -> None:
    quiet = Talk()
    quiet.say(type="end")
    assert quiet.end is not None and quiet.end.handoff is None
    talk = Talk()
    talk.text(SENTENCE, last=True)
    talk.say(type="end")
    talk.hear(500)
    talk.voice()
    assert talk.end is not None and talk.core.over
    assert talk.words("Wait!") == []


def test_what_cannot_be_said_is_told_and_does_not_hold_up_the_rest() -> None:
    talk = Talk()
    talk.say(type="play", source="https://a.example/missing.mp3")
    talk.text("All the same.", last=True)
    first = talk.queue.pop(0)
    talk.do(talk.core.failed(first.number, "The file cannot be played."))
    assert talk.told("error") == [{"type": "error", "description": "The file cannot be played."}]
    talk.say(type="end")
    talk.hear()
    assert talk.end is not None


def test_a_program_that_says_too_much_is_told_so_and_goes_on() -> None:
    talk = Talk()
    for _ in range(20):
        talk.text("word " * 1000)
    assert talk.told("error") and sum(len(text) for text in talk.spoken) <= 64_000
    talk.hear()
    talk.text("Later.", last=True)
    assert talk.spoken[-1].endswith("Later.")


def test_debug_tells_who_speaks_and_what_was_said() -> None:
    talk = Talk(Wish(debug=frozenset({"speaker-events", "tokens-played"})))
    talk.text("One two. Three four five six.", last=True)
    talk.hear(2 * WORD_MS + 2 * WORD_MS + 100)
    talk.voice()
    talk.do(talk.core.quiet())
    told = [(each["name"], each["value"]) for each in talk.told("info")]
    assert told == [
        ("agentSpeaking", "on"),
        ("tokensPlayed", "One two. "),
        ("tokensPlayed", "Three four"),
        ("agentSpeaking", "off"),
        ("clientSpeaking", "on"),
        ("clientSpeaking", "off"),
    ]


def test_the_greeting_is_said_first() -> None:
    talk = Talk(Wish(greeting="Welcome. How are you?"))
    talk.do(talk.core.begin())
    assert talk.spoken == ["Welcome. ", "How are you?"]
    assert Talk().core.begin() == []
