"""What was renamed keeps its new name."""

from __future__ import annotations

import ast

from tests.config import old_names


def test_no_class_function_or_module_keeps_its_old_name() -> None:
    assert old_names.found() == []


def test_a_word_is_seen_as_a_part_of_another() -> None:
    assert old_names.words_in("struct media_outlet; class Inlet: ...") == ["inlet", "outlet"]
    assert old_names.words_in("struct media_sender; class RtpReceiver: ...") == []


def test_every_module_of_the_table_is_there() -> None:
    assert [module for module in old_names.NAMES if not old_names.path_of(module).exists()] == []


def test_an_old_name_is_seen_in_every_place_it_may_stand() -> None:
    text = """
from here import New as Old
class Kept:
    word: str
    def turn(self):
        self.place = 1
if True:
    def step(): ...
LIMIT = 3
"""
    assert set(old_names.defined(ast.parse(text))) == {
        "Old", "Kept", "Kept.word", "Kept.turn", "Kept.place", "step", "LIMIT",
    }  # fmt: skip
