"""The catalogues of `calling/dashboard/locale`: brought up to date, compiled, and examined.

`.po` is what translators write, `.mo` what Python reads. Both are kept in the repository: an installation
needs neither gettext nor this file. Dates in the headers never change, so that
nothing changes without a reason.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.words.extraction import LOCALE, Found, Text, domains

LANGUAGES = ("de", "es")
COMMAND = "make messages"
_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|<[^>]+>")
_HEADER = "# {language} texts of the pages. Written by translators; kept up to date by `make messages`."


def place(language: str, domain: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain}.po"


def kept(language: str, domain: str) -> Catalog:
    path = place(language, domain)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=domain)


def key(message: Message) -> Text:
    ids = message.id if isinstance(message.id, tuple | list) else (message.id, "")
    return Text(message.context or "", ids[0], ids[1])


def fresh(language: str, domain: str, found: Found) -> Catalog:
    """The texts that are in the sources, with the translations that are kept for them."""
    have = {key(each): each for each in kept(language, domain) if each.id}
    made = Catalog(
        locale=language, domain=domain, project="Callwright", version="1", charset="utf-8", fuzzy=False,
        header_comment=_HEADER.format(language=language), last_translator="Callwright",
        language_team=language, creation_date=_DATE, revision_date=_DATE,
    )  # fmt: skip
    for text in sorted(found, key=lambda each: (each.text.casefold(), each)):
        old = have.get(text)
        flags = set(old.flags) if old is not None else set()
        made.add(
            (text.text, text.plural) if text.plural else text.text,
            string=old.string if old is not None else None,
            context=text.context or None,
            flags=flags & {"fuzzy"},
            locations=[(path, 0) for path in sorted(found[text])],
        )
    return made


def as_po(catalogue: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalogue, width=110, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def update() -> list[str]:
    """Writes all `.po` and `.mo`; returns what is still to be translated."""
    for domain, found in domains().items():
        for language in LANGUAGES:
            path = place(language, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_po(fresh(language, domain, found)))
            path.with_suffix(".mo").write_bytes(as_mo(kept(language, domain)))
    return faults()


def faults() -> list[str]:
    """What is wrong with the catalogues, each with what to do; empty where all is well."""
    return [
        line
        for domain, found in domains().items()
        for language in LANGUAGES
        for line in faults_of(kept(language, domain), set(found), f"{language}/LC_MESSAGES/{domain}.po")
    ]


def faults_of(catalogue: Catalog, wanted: set[Text], name: str) -> list[str]:
    have = {key(each): each for each in catalogue if each.id}
    lines = [
        f"{name}: {text.text!r} is missing: run `{COMMAND}`, then translate it"
        for text in sorted(wanted - set(have))
    ]
    lines += [
        f"{name}: {text.text!r} is in no source any more: run `{COMMAND}`"
        for text in sorted(set(have) - wanted)
    ]
    lines += [
        f"{name}: {key(each).text!r} is kept as obsolete: run `{COMMAND}`"
        for each in catalogue.obsolete.values()
    ]
    for text in sorted(wanted & set(have)):
        strings = have[text].string
        forms = [strings] if isinstance(strings, str) else list(strings or ())
        if not forms or not all(forms):
            lines.append(f"{name}: {text.text!r} has no translation: write its msgstr, then run `{COMMAND}`")
        elif "fuzzy" in have[text].flags:
            lines.append(f"{name}: {text.text!r} is fuzzy: look at it, take `#, fuzzy` away, run `{COMMAND}`")
        else:
            lines += [f"{name}: {text.text!r}: {words}" for form in forms if (words := differs(text, form))]
    return lines


def differs(text: Text, form: str) -> str:
    """Which placeholders or elements a translation has lost or invented, in words; empty where none."""
    wanted, found = sorted(_PLACEHOLDER.findall(text.plural or text.text)), sorted(_PLACEHOLDER.findall(form))
    if wanted != found:
        return f"the translation has {found or 'no placeholders'}, the text {wanted or 'none'}"
    if '"' in form and '"' not in text.text:
        return 'a straight " ends an attribute of a page: write „…“, «…» or “…”'
    if text.text[:1].isspace() != form[:1].isspace() or text.text[-1:].isspace() != form[-1:].isspace():
        return "spaces at the ends differ"
    return ""
