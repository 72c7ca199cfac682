"""Generated hostile scripts: each ends in bounded time, in a refusal or an action; nothing else comes out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from calling.swml import actions
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document
from calling.swml.read import parse_text
from calling.swml.state import Run
from calling.swml.verbs import VERBS

SAMPLE, FULL = 500, 50_000
ATOMS = [
    "a",
    "vars",
    "call",
    "params",
    "prompt_value",
    "'x'",
    "'x'.repeat(60000)",
    "1",
    "0",
    "1e308",
    "null",
    "[a,b]",
    "__class__",
    "call.__class__.__mro__",
    "a.b.c",
    "''.constructor('x')()",
    "Math.max(a,b)",
    "parseInt(a)",
    "'${a}'",
    "a.split('').join(a)",
    "a.replaceAll('x', a)",
    "JSON.stringify(vars)",
    "vars[vars]",
]
OPERATORS = ["+", "-", "*", "/", "%", "==", "!==", "<", "&&", "||", "??", "."]
TEXTS = [
    "",
    "x" * 5000,
    "${" * 50,
    "%{a}",
    "\u202e",
    "../../etc/passwd",
    "file:///etc/passwd",
    "say:",
    "say:${a}",
    "http://169.254.169.254/",
    "silence:1e9",
    "ring:us",
    "ring:9:zz",
    "main",
    "loop",
    "sip:x@y",
    "/private/bob",
    "+15551234567",
    '{"sections":{"main":[{"transfer":"main"}]}}',
    "https://e.example/x",
    "-1",
    "NaN",
]


def expression(dice: random.Random, depth: int = 0) -> str:
    if depth > 3 or dice.random() < 0.4:
        return dice.choice(ATOMS)
    kind = dice.random()
    if kind < 0.6:
        return f"{expression(dice, depth + 1)} {dice.choice(OPERATORS)} {expression(dice, depth + 1)}"
    if kind < 0.8:
        return (
            f"({expression(dice, depth + 1)} ? {expression(dice, depth + 1)} : {expression(dice, depth + 1)})"
        )
    return (
        f"{expression(dice, depth + 1)}.{dice.choice(['length', 'toString()', 'repeat(9e9)', 'slice(-1)'])}"
    )


def value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.random()
    if kind < 0.3:
        return dice.choice(TEXTS)
    if kind < 0.55:
        return dice.choice(["${%s}", "x%%{%s}", "%%{%s}%%{a}", "say:${%s}"]) % expression(dice)
    if kind < 0.7:
        return dice.choice([0, 1, -1, 2**31, 10**30, 1e308, 0.5, True, False, None])
    if depth > 3:
        return "x"
    if kind < 0.85:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {
        dice.choice(["a", "b", "vars", "url", "to", "x-y"]): value(dice, depth + 1)
        for _ in range(dice.randrange(4))
    }


def steps(dice: random.Random, depth: int = 0) -> list[Any]:
    return [likely(dice, depth) for _ in range(dice.randrange(1, 6))]


def likely(dice: random.Random, depth: int) -> Any:
    """Mostly steps that pass the checks, so that most scripts run."""
    for _ in range(8):
        one = step(dice, depth)
        try:
            check_document({"sections": {"main": [one]}})
        except BadScript:
            if dice.random() < 0.01:
                return one
            continue
        return one
    return "answer"


def step(dice: random.Random, depth: int) -> Any:
    verb = dice.choice([*VERBS, "set", "set", "goto", "label", "cond", "switch", "execute", "transfer"])
    nested = depth < 3
    if verb == "cond" and nested:
        return {
            "cond": [
                {"when": expression(dice), "then": steps(dice, depth + 1)},
                {"else": steps(dice, depth + 1)},
            ]
        }
    if verb == "switch" and nested:
        return {
            "switch": {
                "variable": dice.choice(["a", "prompt_value", "vars.b"]),
                "case": {"": steps(dice, depth + 1), "1": steps(dice, depth + 1)},
            }
        }
    if verb == "label":
        return {"label": dice.choice(["a", "b"])}
    if verb == "goto":
        return {"goto": {"label": dice.choice(["a", "b"]), "when": expression(dice)}}
    if verb in ("execute", "transfer"):
        return {verb: {"dest": dice.choice(["main", "other", *TEXTS]), "params": {"a": value(dice)}}}
    if verb == "set":
        return {"set": {dice.choice(["a", "b", "a.b", "vars.c"]): value(dice)}}
    fields = list(VERBS[verb].fields)
    chosen = dice.sample(fields, min(len(fields), dice.randrange(4))) if fields else []
    given: Any = {name: value(dice) for name in {*chosen, *VERBS[verb].needs}}
    if verb in ("play", "prompt"):
        given = {
            "url": dice.choice(TEXTS),
            **{k: v for k, v in given.items() if k not in ("url", "urls", "play")},
        }
    return {verb: given} if dice.random() < 0.9 else {verb: value(dice)}


def outcome(dice: random.Random) -> Any:
    return {
        name: value(dice)
        for name in dice.sample(
            [
                "result",
                "value",
                "body",
                "status",
                "headers",
                "document",
                "url",
                "error",
                "control_id",
                "reason",
            ],
            dice.randrange(5),
        )
    }


def drive(document: Any, dice: random.Random) -> str:
    run = start(check_document(document), call={"from": "+1555", "type": "sip", "headers": []})
    given: Any = None
    for _ in range(100):
        began = time.thread_time()  # of this thread alone: other tests may have left theirs at work
        run, action = advance(run, given)
        assert time.thread_time() - began < 1.0, "one step took more than a second"
        if isinstance(action, actions.Done | actions.Hangup):
            return "error" if isinstance(action, actions.Done) and action.error else "end"
        run = Run.from_json(json.loads(json.dumps(run.as_json())))
        given = outcome(dice)
    return "long"


@pytest.mark.family
def test_generated_scripts_end(seed: int, figure: Callable[[int, int], int]) -> None:
    count = figure(SAMPLE, FULL)
    print(f"\n{count} scripts from seed {seed}")
    ends: dict[str, int] = {}
    for number in range(count):
        dice = random.Random(seed * 1_000_003 + number)
        document = {"sections": {"main": steps(dice), "other": steps(dice)}}
        try:
            end = drive(document, dice)
        except BadScript:
            end = "refused"
        except Exception as problem:
            raise AssertionError(f"script {number} of seed {seed}") from problem
        ends[end] = ends.get(end, 0) + 1
    print(ends)
    assert ends.get("refused", 0) < count / 2, "the generator must get past the checks often enough"


@pytest.mark.family
def test_mutated_text_is_a_document_or_a_refusal(seed: int, figure: Callable[[int, int], int]) -> None:
    base = json.dumps(
        {"sections": {"main": [{"play": {"url": "say:${call.from}"}}, {"cond": [{"when": "a", "then": []}]}]}}
    )
    for number in range(figure(SAMPLE, FULL)):
        dice = random.Random(seed * 7 + number)
        text = list(base if number % 2 else base.replace('"', "").replace(",", ", ").replace(":", ": "))
        for _ in range(dice.randrange(1, 8)):
            text[dice.randrange(len(text))] = dice.choice(list("{}[]\"':,&*!|>%@`\\\x00\ud800\n\t ${}é0-"))
        try:
            parse_text("".join(text))
        except BadScript:
            continue
