"""SWML expressions: values as JavaScript gives them, for the subset the language has."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from calling.swml.expressions import Scope, compile_condition, evaluate, holds, roots, substitute
from calling.swml.grammar import BadExpression
from calling.swml.values import Fuel, TooMuchWork

SCOPE = {
    "call": {"from": "+15551234567", "type": "SIP", "headers": [{"name": "x-order", "value": "7"}]},
    "vars": {
        "n": "5",
        "price": 5,
        "list": [1, 2, 3],
        "choice": "2",
        "deep": {"a": [{"b": "c"}]},
        "empty": "",
    },
    "params": {"name": "Bob"},
    "envs": {"region": "eu"},
}


def value(text: str) -> object:
    return evaluate(compile_condition(text), Scope(**SCOPE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("'a' + 1", "a1"),
        ("'5' * '2'", 10),
        ("10 / 4", 2.5),
        ("10 % 4", 2),
        ("-3 + 1", -2),
        ("vars.price * parseInt(vars.n)", 25),
        ("vars.price * parseInt(vars.n) * 0.08", 2),
        ("n + 1", "51"),
        ("n == 5", True),
        ("n === 5", False),
        ("n !== 5", True),
        ("choice == '2' && price > 3", True),
        ("missing", None),
        ("missing == null", True),
        ("missing.deeper.still", None),
        ("!missing", True),
        ("empty || 'default'", "default"),
        ("empty ?? 'default'", ""),
        ("missing ?? 'default'", "default"),
        ("region", "eu"),
        ("envs.region", "eu"),
        ("params.name", "Bob"),
        ("call.type.toLowerCase() == 'sip'", True),
        ("call.from.substring(0, 3)", "+15"),
        ("call.from.startsWith('+1555')", True),
        ("call.headers[0].value", "7"),
        ("call['from'].length", 12),
        ("deep.a[0].b", "c"),
        ("deep.['a'][0].['b']", "c"),
        ("list.length", 3),
        ("list[1]", 2),
        ("list.includes(2)", True),
        ("list.join('-')", "1-2-3"),
        ("'a,b'.split(',')[1]", "b"),
        ("'x'.repeat(3)", "xxx"),
        ("'abc'.slice(-2)", "bc"),
        ("'7'.padStart(3, '0')", "007"),
        ("price > 3 ? 'yes' : 'no'", "yes"),
        ("true ? false ? 1 : 2 : 3", 2),
        ("Math.max(1, 7, 3)", 7),
        ("Math.round(2.5)", 3),
        ("(12.346).toFixed(2)", "12.35"),
        ("parseInt('42abc')", 42),
        ("typeof missing", "undefined"),
        ("typeof 'x'", "string"),
        ("[1, 2].includes(1)", True),
        ("'10' > '9'", False),
        ("'10' > 9", True),
        ("1 < 2 == true", True),
        ("encodeURIComponent('a b&c')", "a%20b%26c"),
        ("'it\\'s'", "it's"),
        ('"\\u0041"', "A"),
    ],
)
def test_an_expression_has_this_value(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "a b",
        "a = 1",
        "x => x",
        "/re/.test(x)",
        "new Date()",
        "a.",
        "'open",
        "{a: 1}",
        "`t`",
        "a;b",
        "1 ? 2",
        "a[",
        "f(,)",
        "#",
        "\\",
        "(" * 100 + ")" * 100,
        "-" * 99 + "1",
        "a" + ".b" * 99,
        "1+" * 900 + "1",
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        compile_condition(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("say: ${call.from}!", "say: +15551234567!"),
        ("%{vars.price}", 5),
        ("%{price} and ${n}", "5 and 5"),
        ("${missing}", ""),
        ("a ${missing} b", "a  b"),
        ("costs ${", "costs ${"),
        ("${list}", [1, 2, 3]),
        ("${'}' + n}", "}5"),
        ("${price * 2} dollars", "10 dollars"),
        ({"a": ["${n}", {"b": "%{price}"}]}, {"a": ["5", {"b": 5}]}),
    ],
)
def test_substitution_keeps_the_type_of_a_lone_expression(text: object, expected: object) -> None:
    assert substitute(text, Scope(**SCOPE)) == expected


@pytest.mark.parametrize("text", ["${choice} == 2", "'${choice}' == '2'", "%{choice == 2}", "choice == 2"])
def test_a_condition_may_wrap_its_variables(text: str) -> None:
    assert holds(text, Scope(**SCOPE))


def test_no_name_reaches_python() -> None:
    for text in (
        "call.__class__",
        "vars.__class__.__mro__",
        "''.__class__",
        "list.__len__()",
        "n.format(1)",
        "n.constructor",
        "call.get('from')",
        "vars.pop('n')",
        "Math.__class__",
        "list.append(1)",
    ):
        assert value(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "'x'.repeat(60000) + 'y'.repeat(60000)",
        "'x'.repeat(65536).split('').join('yy')",
        "(" + "+".join(["'x'.repeat(60000).replaceAll('x','y').length"] * 20) + ")",
    ],
)
def test_work_is_bounded(text: str) -> None:
    began = time.process_time()
    scope = Scope(**SCOPE, fuel=Fuel(100_000))
    with pytest.raises(TooMuchWork):
        for _ in range(1000):
            evaluate(compile_condition(text), scope)
    assert time.process_time() - began < 1


def test_the_variables_a_template_reads_are_known() -> None:
    assert roots("${vars.a} %{b + params.c}") == {"a", "b", "params.c"}
    assert roots({"x": ["${call.from}"]}) == {"call"}
    assert roots("${vars[x]}") == {"*", "x"}
    assert roots("plain") == set()


@pytest.mark.parametrize("text", ["${" * 30000, "%{'" * 20000, "${a" + "{" * 60000, "${'" + "\\" * 60000])
def test_hostile_templates_are_cut_in_linear_time(text: str) -> None:
    began = time.process_time()
    with suppress(BadExpression, TooMuchWork):
        substitute(text, Scope())
    assert time.process_time() - began < 0.5
