"""No text of the pages is left untranslated: each is marked in its source and translated in all languages."""

from __future__ import annotations

from babel.messages.catalog import Catalog

from tests.words import catalogues, unmarked
from tests.words.extraction import ROOT, Text, modules, scripts, templates

HOW = {
    ".html": 'write {% translate "…" %}, {% blocktranslate trimmed %}…{% endblocktranslate %} or _("…")',
    ".js": "write t('…'), tn('…', '…', count) or marked('…') of words.js",
    ".py": 'write gettext("…"), or gettext_noop("…") for a text that a page translates when it shows it',
}
READERS = {".html": unmarked.in_template, ".js": unmarked.in_script, ".py": unmarked.in_module}


def left_in(paths) -> list[str]:
    found = [
        f"{path.relative_to(ROOT)}, {each}\n    {HOW[path.suffix]};"
        f"\n    then run `{catalogues.COMMAND}`, and translate it in calling/dashboard/locale"
        for path in paths
        for each in READERS[path.suffix](path.read_text())
    ]
    if found:
        print(
            "Not marked for translation (where it only looks like a text: KEPT in tests/words/unmarked.py):"
        )
        print("\n".join(found))
    return found


def test_every_text_of_a_template_is_marked():
    assert len(templates()) > 40
    assert left_in(templates()) == []


def test_every_text_of_a_script_is_marked():
    assert left_in(scripts("phone") + scripts("dashboard")) == []


def test_every_text_of_the_python_of_pages_is_marked():
    assert left_in(modules()) == []


def test_the_catalogues_are_whole():
    faults = catalogues.faults()
    print("\n".join(faults))
    assert faults == [], "see above; docs: CONTRIBUTING.md#texts-of-pages"


def test_the_compiled_catalogues_are_those_of_the_translators():
    for domain in ("django", "phone", "staff"):
        for language in catalogues.LANGUAGES:
            path = catalogues.place(language, domain)
            assert path.with_suffix(".mo").read_bytes() == catalogues.as_mo(
                catalogues.kept(language, domain)
            ), f"{path.relative_to(ROOT)} and its .mo differ: run `{catalogues.COMMAND}`"


# --- the check itself ---------------------------------------------------------------------------------


def test_a_planted_text_is_found_in_a_template():
    assert unmarked.in_template("<p>\nSave it</p>") == ["line 1: Save it"]
    assert unmarked.in_template('<input placeholder="Your name">') == ["line 1: placeholder='Your name'"]
    assert unmarked.in_template('<b>{{ x|default:"nobody" }}</b>') == ["line 1: nobody"]
    assert unmarked.in_template('{% include "a/b.html" with words="Live calls" %}') == ["line 1: Live calls"]
    assert unmarked.in_template("<p>{{ count }} calls of it</p>") != []
    assert unmarked.in_template("{% blocktranslate %}a{% endblocktranslate %}<p>left over</p>") != []


def test_a_marked_text_is_passed_by_in_a_template():
    assert (
        unmarked.in_template('{% load i18n %}<p title="{% translate \'Save\' %}">{% translate "Save" %}</p>')
        == []
    )
    assert (
        unmarked.in_template("<p>{% blocktranslate with n=x.y %}{{ n }} of them{% endblocktranslate %}</p>")
        == []
    )
    assert (
        unmarked.in_template('{{ x|default:_("nobody") }}<td class="small break">{{ name }} · 3 ms</td>')
        == []
    )


def test_a_planted_text_is_found_in_a_script():
    assert unmarked.in_script("say(line, 'Save it');") == ["line 1: Save it"]
    assert unmarked.in_script("make('p', {}, `${who} is calling`)") == ["line 1: is calling"]
    assert unmarked.in_script("announce(on ? t('On hold') : 'Connected')") == ["line 1: Connected"]
    assert unmarked.in_script("t('a', { b: 'Left over' })") == ["line 1: Left over"]


def test_a_marked_text_is_passed_by_in_a_script():
    assert (
        unmarked.in_script("say(line, t('Save it')); tn('One row', 'Many rows', 3); marked('Not now');") == []
    )
    assert unmarked.in_script("make('p', { className: 'small quiet' }); // Save it\n/** Save it */") == []


def test_a_planted_text_is_found_in_python():
    assert unmarked.in_module('x = "Saved for ever."') == ["line 1: Saved for ever."]
    assert unmarked.in_module('messages.success(request, f"{name} moved")') == ["line 1:  moved"]
    assert unmarked.in_module('"""Saved for ever."""\nx = gettext("Saved for ever.")') == []


def test_a_fault_of_a_catalogue_is_told():
    good, lost, empty, fuzzy = (Text("", text, "") for text in ("a {b}", "c %(d)s", "e", "f"))
    catalogue = Catalog(locale="de")
    catalogue.add("a {b}", "ä {b}")
    catalogue.add("c %(d)s", "ohne")
    catalogue.add("e", "")
    catalogue.add("f", "vage", flags={"fuzzy"})
    catalogue.add("gone", "weg")
    told = catalogues.faults_of(catalogue, {good, lost, empty, fuzzy, Text("", "new", "")}, "de.po")
    for words in (
        "'new' is missing",
        "'gone' is in no source",
        "'e' has no translation",
        "'f' is fuzzy",
        "'c %(d)s'",
    ):
        assert sum(words in line for line in told) == 1, (words, told)
    assert len(told) == 5
