"""Digits and card numbers out of a transcript, written in figures or in words. Pure.

`digits`: figures, and two or more number words in a row. `card_numbers`: 13 to 19 digits that pass the check
of ISO/IEC 7812 (Luhn), however they are written. What is cut over two utterances is two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

DIGITS, CARD_NUMBERS = "digits", "card_numbers"
KINDS: Final = (DIGITS, CARD_NUMBERS)
SHORTEST_CARD, LONGEST_CARD = 13, 19
_TOKEN: Final = re.compile(r"\d+|[^\W\d_]+")
_GAP: Final = re.compile(r"[\s\-–.,/]{1,3}")


def _units(text: str, first: int = 0) -> dict[str, str]:
    """Words in order of their values; `a/b` are two words of one value."""
    return {word: str(first + at) for at, each in enumerate(text.split()) for word in each.split("/")}


def _tens(text: str, first: int = 20) -> dict[str, str]:
    return {word: str(first + 10 * at) for at, each in enumerate(text.split()) for word in each.split("/")}


WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        **_units(
            "zero/oh/o/nought/null one two three four five six seven eight nine ten eleven twelve "
            "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
        ),
        **_tens("twenty thirty forty/fourty fifty sixty seventy eighty ninety"),
    },
    "de": {
        **_units(
            "null eins/ein zwei/zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn "
            "vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"
        ),
        **_tens("zwanzig dreißig/dreissig vierzig fünfzig sechzig siebzig achtzig neunzig"),
    },
    "es": {
        **_units(
            "cero uno/un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
            "quince dieciséis diecisiete dieciocho diecinueve"
        ),
        **_units(
            "veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho "
            "veintinueve",
            21,
        ),
        **_tens("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"),
    },
    "fr": {
        **_units(
            "zéro un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze "
            "quinze seize"
        ),
        **_tens("vingt trente quarante cinquante soixante"),
    },
    "it": {
        **_units(
            "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici "
            "quattordici quindici sedici diciassette diciotto diciannove"
        ),
        **_tens("venti trenta quaranta cinquanta sessanta settanta ottanta novanta"),
    },
    "pt": {
        **_units(
            "zero um/uma dois/duas três/tres quatro cinco seis/meia sete oito nove dez onze doze treze "
            "catorze/quatorze quinze dezasseis/dezesseis dezassete/dezessete dezoito dezanove/dezenove"
        ),
        **_tens("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa"),
    },
    "nl": {
        **_units(
            "nul een/één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien "
            "vijftien zestien zeventien achttien negentien"
        ),
        **_tens("twintig dertig veertig vijftig zestig zeventig tachtig negentig"),
    },
}
REPEATS: Final = {
    "en": {"double": 2, "triple": 3, "treble": 3}, "es": {"doble": 2, "triple": 3}, "de": {"doppel": 2},
    "fr": {"double": 2, "triple": 3}, "it": {"doppio": 2}, "pt": {"duplo": 2}, "nl": {"dubbel": 2},
}  # fmt: skip
JOINTS: Final = {
    "en": {"and"},
    "es": {"y"},
    "fr": {"et"},
    "it": {"e"},
    "pt": {"e"},
    "de": {"und"},
    "nl": {"en"},
}
_UNITED: Final = {"de": "und", "nl": "en"}  # vierundzwanzig: the units come first


@dataclass(frozen=True)
class _Part:
    """One token of a run: figures, a number word, a repetition or a joint."""

    begin: int
    end: int
    digits: str = ""
    times: int = 1
    spelled: bool = True


def redact(text: str, kinds: Collection[str], language: str = "en") -> str:
    """The text with `[digits]` or `[card number]` in the place of each."""
    out, at = [], 0
    for run in _runs(text, language.partition("-")[0].lower()):
        digits = _value(run)
        if CARD_NUMBERS in kinds and holds_card(digits):
            words = "[card number]"
        elif DIGITS in kinds and (not all(each.spelled for each in run) or len(_numbers(run)) > 1):
            words = "[digits]"
        else:
            continue
        out += [text[at : run[0].begin], words]
        at = run[-1].end
    return "".join((*out, text[at:]))


def holds_card(digits: str) -> bool:
    """Whether these digits are a card number, alone or before its date or code, or hold one among more."""
    size = len(digits)
    if size <= LONGEST_CARD:
        return any(each >= SHORTEST_CARD and luhn(digits[:each]) for each in (size, size - 3, size - 4))
    return any(
        luhn(digits[at : at + each])
        for each in range(SHORTEST_CARD, LONGEST_CARD + 1)
        for at in range(size - each + 1)
    )


def luhn(digits: str) -> bool:
    total = 0
    for place, each in enumerate(reversed(digits)):
        value = int(each) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _runs(text: str, language: str) -> Iterator[list[_Part]]:
    """Number tokens that follow each other, without joints and repetitions at their ends."""
    run: list[_Part] = []
    for match in _TOKEN.finditer(text):
        part = _part(match, language)
        if part is None or (run and not _GAP.fullmatch(text, run[-1].end, part.begin)):
            yield from _trimmed(run)
            run = []
        if part is not None:
            run.append(part)
    yield from _trimmed(run)


def _trimmed(run: list[_Part]) -> Iterator[list[_Part]]:
    while run and not run[-1].digits:
        run = run[:-1]
    while run and not run[0].digits and run[0].times == 1:
        run = run[1:]
    if run:
        yield run


def _part(match: re.Match[str], language: str) -> _Part | None:
    word = match[0].lower()
    if word.isdecimal():
        return _Part(match.start(), match.end(), "".join(str(int(each)) for each in word), spelled=False)
    table: Mapping[str, str] = WORDS.get(language, WORDS["en"])
    digits = table.get(word) or _united(word, language, table)
    times = REPEATS.get(language, REPEATS["en"]).get(word, 1)
    if digits is None and times == 1 and word not in JOINTS.get(language, JOINTS["en"]):
        return None
    return _Part(match.start(), match.end(), digits or "", times)


def _united(word: str, language: str, table: Mapping[str, str]) -> str | None:
    """German and Dutch two-digit words: units, `und`, tens."""
    joint = _UNITED.get(language)
    if joint is None:
        return None
    for tens, value in table.items():
        if len(value) == 2 and value[1] == "0" and word.endswith(joint + tens):
            unit = table.get(word[: -len(joint + tens)].removesuffix("ë"))
            return value[0] + unit if unit is not None and len(unit) == 1 else None
    return None


def _numbers(run: list[_Part]) -> list[_Part]:
    return [each for each in run if each.digits]


def _value(run: list[_Part]) -> str:
    """The digits that the run says: twenty three is 23, double four is 44."""
    found: list[str] = []
    times, tens = 1, False
    for part in run:
        if not part.digits:
            times = max(times, part.times)
            continue
        if tens and part.spelled and len(part.digits) == 1 and part.digits != "0":
            found[-1] = found[-1][0] + part.digits
        else:
            found.append(part.digits * times)
        tens = (
            part.spelled
            and times == 1
            and len(part.digits) == 2
            and part.digits[1] == "0"
            and part.digits != "10"
        )
        times = 1
    return "".join(found)
