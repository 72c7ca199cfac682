"""Pages speak English, German and Spanish: as the browser asks, or as its person chose."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from babel.messages.catalog import Catalog
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from calling.models import StaffAction
from subscribers.models import Project
from tests.dashboard.conftest import open_softphone
from tests.dashboard.fixtures import furnish
from tests.dashboard.test_staff_pages_are_looked_at import PAGES, path_of
from tests.words import catalogues
from tests.words.extraction import domains
from tests.words.unmarked import ATTRIBUTES, SAME, is_text, words_in

FITS = "(one) => one.scrollWidth <= one.clientWidth + 1 && one.getBoundingClientRect().right <= innerWidth"
COOKIE = django_settings.LANGUAGE_COOKIE_NAME
VOID = {"meta", "link", "input", "br", "img", "hr", "path", "use", "rect", "polyline", "symbol", "circle"}


class Texts(HTMLParser):
    """What a person reads or hears on a page: texts and attributes, without data that is set as code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.passed = 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        codes = {"mono", "count"} & set((given.get("class") or "").split())
        foreign = tag != "html" and "lang" in given
        if tag not in VOID and (self.passed or tag in ("script", "style", "pre", "svg") or codes or foreign):
            self.passed += 1
        if not self.passed:
            self.found += [given[name] for name in ATTRIBUTES if given.get(name)]

    def handle_endtag(self, tag):
        if self.passed and tag not in VOID:
            self.passed -= 1

    def handle_data(self, data):
        if not self.passed and data.strip():
            self.found.append(" ".join(data.split()))


@pytest.fixture
def furnished(world, settings):
    settings.CALLWRIGHT_EXAMINATION = "tests.dashboard.fixtures.examine"
    return furnish(world)


def viewer(world, language: str = "", person: str = "root") -> Client:
    client = Client()
    client.force_login(world.people[person])
    if language:
        client.cookies[COOKIE] = language
    return client


def every_page(world, language: str):
    """(path, what is read there) of each page."""
    client = viewer(world, language)
    for path in [*(path_of(name, world) for name in PAGES), "/phone"]:
        yield path, Texts(client.get(path).content.decode()).found
    stranger = Client()
    stranger.cookies[COOKIE] = language
    wrong = {"username": "vera", "password": "wrong"}
    yield "/dashboard/login", Texts(stranger.post("/dashboard/login", wrong).content.decode()).found


def test_the_browser_decides_and_a_choice_wins(world):
    client = Client(HTTP_ACCEPT_LANGUAGE="de-AT,de;q=0.9,en;q=0.8")
    page = client.get("/dashboard/login").content.decode()
    assert '<html lang="de"' in page and "Anmelden" in page
    client.post("/dashboard/language", {"language": "es", "next": "/dashboard/login"})
    page = client.get("/dashboard/login").content.decode()
    assert '<html lang="es"' in page and "Iniciar sesión" in page
    client.post("/dashboard/language", {"language": "tlh", "next": "/dashboard/login"})
    assert '<html lang="es"' in client.get("/dashboard/login").content.decode(), (
        "what nobody offers changes nothing"
    )


@pytest.mark.parametrize("header", ["", "fr-FR,fr", "*", "x" * 5000])
def test_whoever_asks_for_no_language_of_ours_gets_english(world, header):
    page = Client(HTTP_ACCEPT_LANGUAGE=header).get("/dashboard/login").content.decode()
    assert '<html lang="en"' in page and "Sign in" in page


def test_the_choice_leads_to_no_other_host(world):
    answer = Client().post("/dashboard/language", {"language": "de", "next": "https://mallory.example/"})
    assert "mallory" not in answer.get("Location", "")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_no_page_shows_an_english_text_in_another_language(furnished, language):
    messages = [each for each in catalogues.kept(language, "django") if each.id]
    # A word that is also the translation of another one tells nothing.
    translated = {catalogues.key(each).text for each in messages} - {each.string for each in messages}
    left = [
        f"{path}: {text!r} is English: translate it where it is shown, by gettext or |word"
        for path, texts in every_page(furnished, language)
        for text in texts
        if text in translated
    ]
    print("\n".join(left))
    assert left == []


@pytest.fixture
def pseudo(tmp_path, settings):
    """A language whose every text is the English one in ⟦ ⟧."""
    catalogue = Catalog(locale="eo")
    for text in domains()["django"]:
        words = text.text if text.context.startswith("format") else f"⟦{text.text}⟧"
        forms = (words, f"⟦{text.plural}⟧") if text.plural else words
        catalogue.add(
            (text.text, text.plural) if text.plural else text.text, forms, context=text.context or None
        )
    folder = tmp_path / "eo/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(catalogues.as_mo(catalogue))
    settings.LANGUAGES = [*settings.LANGUAGES, ("eo", "Esperanto")]
    settings.LOCALE_PATHS = [tmp_path]
    return "eo"


def test_every_text_of_a_page_comes_through_the_translator(furnished, pseudo):
    models = [
        each for each in apps.get_models() if each._meta.model_name not in ("permission", "contenttype")
    ]
    tables = (each._default_manager.values() for each in models)
    rows = "\n".join(str(value) for table in tables for row in table for value in row.values())
    with connection.cursor() as cursor:
        cursor.execute("show server_version")
        version = cursor.fetchone()
    # Beside the rows: names of facts and headers, zones, units; and the link in the midst of a marked text.
    data = words_in(f"{rows} {version} now UTC KB kB MB bajtoj P-Asserted-Identity control id dashboard")
    left = []
    for path, texts in every_page(furnished, pseudo):
        for text in texts:
            # A text with elements in it is read in parts: what opens or closes here is marked too.
            rest = re.sub(r"⟦[^⟦⟧]*(⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧", "\n", text)
            rest = re.sub(r"^[^⟦]*⟧|⟦[^⟧]*$", "\n", rest)
            chunks = [
                each.strip(" ·:,;()/–→×+#") for each in re.split(r"[\n·⟦⟧:]|\b\w{2,4} \d\d(?=:00)", rest)
            ]
            left += [
                f"{path}: {each!r} of {text!r}"
                for each in chunks
                if is_text(each) and not words_in(each) <= data | SAME
            ]
    print("\n".join(left))
    assert left == [], "mark them, and translate them where they are shown; CONTRIBUTING.md#texts-of-pages"


def test_a_language_costs_no_statement(furnished):
    for path in ("/dashboard/", "/dashboard/calls", "/dashboard/rooms?part"):
        counts = []
        for language in ("en", "de"):
            client = viewer(furnished, language)
            client.get(path)
            with CaptureQueriesContext(connection) as seen:
                client.get(path)
            counts.append(len(seen))
        assert counts[0] == counts[1], path


def test_numbers_and_times_are_written_as_the_language_does(furnished):
    path = path_of("call", furnished)
    english, german = (viewer(furnished, each).get(path).content.decode() for each in ("en", "de"))
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", english)
    assert re.search(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d UTC", german)
    assert re.search(r"\d\.\d\d s</td>", english) and re.search(r"\d,\d\d s</td>", german)


def test_what_is_kept_of_an_action_is_english_whoever_did_it(furnished):
    client = viewer(furnished, "de")
    client.post("/dashboard/balance/suspend")
    client.post(path_of("webhook", furnished) + "/test")
    assert Project.objects.get(pk=furnished.project.pk).suspended_reason == "stopped by staff"
    assert StaffAction.objects.get(action="webhook.test").detail["said"] == "A test is on its way."
    page = client.get("/dashboard/balance").content.decode()
    assert "vom Personal gestoppt" in page and "Ein Test ist unterwegs." in page


def test_a_refused_field_is_told_in_the_language(furnished):
    page = viewer(furnished, "de").post("/dashboard/new/subscribers", {"email": "nobody"}).content.decode()
    assert "E-Mail-Adresse" in page and "Must be" not in page


# --- in the browser -----------------------------------------------------------------------------------


def test_the_phone_speaks_german_and_its_call_fits_the_screen(page):
    open_softphone(page, "de")
    page.get_by_label("Wen anrufen").fill("Bob")
    page.get_by_role("button", name="Anrufen", exact=True).first.click()
    card = page.get_by_role("article", name="Anruf mit")
    card.wait_for()
    card.get_by_text("Verbunden", exact=True).wait_for()
    for width, height in ((1280, 800), (390, 844), (320, 640)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), width
        verbs = card.locator(".verbs button:visible")
        assert verbs.count() >= 5
        assert all(verb.evaluate(FITS) for verb in verbs.all()), width
    assert "Online" in page.locator("#line").inner_text()


def test_a_language_is_chosen_on_the_page_to_sign_in(page, live_server, world):
    page.goto(live_server.url + "/dashboard/login")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Anmelden").wait_for()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Passwort").fill("a long enough password")
    page.get_by_role("button", name="Anmelden").click()
    page.get_by_role("heading", name="Laufende Anrufe").wait_for()
    page.goto(live_server.url + "/phone")
    page.get_by_role("heading", name="Ein Telefon öffnen").wait_for()
