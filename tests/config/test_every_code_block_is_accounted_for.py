"""Every code block of the documentation runs in a test, or says by its title why not: `config` is parsed
here, `elsewhere` is listed here with its reason.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.command.__main__ import parser
from config.env import ROOT

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INFO = re.compile(r'([a-z]+)(?: title="(config|elsewhere)")?')
# Pages whose blocks without a title are run, and by which test.
RUN_BY = {
    "README.md": "tests/clients/test_the_curls_of_the_docs_run.py",
    "docs/quick-start.md": "tests/clients/test_the_curls_of_the_docs_run.py",
    "docs/rest.md": "tests/clients/test_the_curls_of_the_docs_run.py",
    "docs/operations.md": "tests/clients/test_the_curls_of_the_docs_run.py",
    "docs/webhooks.md": "tests/clients/test_the_curls_of_the_docs_run.py",
    "docs/scaling.md": "tests/config/test_the_map_of_cells_is_checked.py",
    "docs/sip.md": "tests/sip/browser/test_the_docs_phone_runs_as_written.py",
    "docs/speech.md": "tests/media/relay/test_the_program_of_the_page_talks.py",
    "docs/concepts.md": "tests/config/test_diagrams_are_what_the_machine_does.py",
    "docs/recipes/": "tests/clients/test_the_recipes_work.py",
    "clients/python/README.md": "tests/clients/test_the_python_client_is_careful.py",
    "clients/typescript/README.md": "tests/clients/test_the_node_client_goes_through_the_session.py",
    "clients/browser/README.md": "tests/clients/test_the_browser_package_has_types.py",
}
# (page, how the block begins): why it is run nowhere.
ELSEWHERE = {
    ("README.md", "make run"): "run by tests of the supervisor and of the demo",
    ("README.md", " REST /api/calls"): "a drawing",
    ("CONTRIBUTING.md", "make run"): "the targets of make; CI runs test and lint",
    ("docs/architecture.md", " REST /api/calls"): "a drawing",
    ("docs/contract.md", '{"id","project_id"'): "a shape with its choices; the OpenAPI document is tested",
    ("docs/contract.md", '{"id": "<uuid>"'): "a shape with its choices; the OpenAPI document is tested",
    ("docs/installation.md", "docker build"): "needs a Docker engine; the page says so",
    ("docs/installation.md", "python3 -m clients.command init"): "`init` is tested; compose needs an engine",
    ("docs/installation.md", "useradd"): "needs systemd as the first process; the units are verified",
    ("docs/installation.md", "kubectl create"): "needs a cluster; what is applied is rendered and checked",
    ("docs/media.md", " SharedPort"): "a drawing",
    ("docs/media.md", " sockets"): "a drawing",
    ("docs/media.md", " SSRC"): "a drawing",
    ("docs/operations.md", "$ curl localhost"): "asked by a test of the health paths",
    ("docs/operations.md", "$ .venv/bin/python manage.py doctor"): "what a command prints on one machine",
    ("docs/operations.md", "docker compose stop"): "needs a Docker engine",
    ("docs/operations.md", "umask"): "run by test_a_backup_is_restored_as_documented.py",
    ("docs/operations.md", '"$BIN/psql"'): "run by test_a_backup_is_restored_as_documented.py",
    ("docs/operations.md", "CREATE ROLE"): "needs a superuser; a test makes these logins",
    ("docs/operations.md", "$ .venv/bin/python manage.py loadtest"): "what a command prints on one machine",
    ("docs/quick-start.md", "git clone"): "the address of the repository is the reader's",
    ("docs/recipes/index.md", "pip install"): "installs the package that the tests take from its folder",
    ("docs/command-line.md", "name: booking"): "needs that agent; a rehearsal of another is tested",
    ("docs/scaling.md", ".venv/bin/python manage.py cells"): "reloads a proxy; the command is tested",
    ("docs/speech.md", "CALLWRIGHT_SPEECH_WORKERS"): "a start with a speech worker; its process is tested",
    ("docs/speech.md", ".venv/bin/pip"): "installs 400 MB; the tests run with it where it is there",
    ("docs/speech.md", ".venv/bin/callwright speech"): "installs 400 MB; its parts are tested by themselves",
    ("docs/speech.md", "curl"): "needs a recogniser, and somebody who speaks",
    ("clients/browser/README.md", "cd clients"): "packs; the test of the package does the same",
    ("clients/python/README.md", "pip install"): "installs the package that the tests take from its folder",
    ("clients/typescript/README.md", "cd clients"): "packs; the test of the package does the same",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def title(self) -> str | None:
        found = INFO.fullmatch(self.info)
        return found[2] if found else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "clients").glob("*/README.md"))]


def blocks() -> list[Block]:
    found = []
    for path in pages():
        text, page = path.read_text(), path.relative_to(ROOT).as_posix()
        for match in FENCE.finditer(text):
            found.append(Block(page, text.count("\n", 0, match.start()) + 1, match[1].strip(), match[2]))
    return found


BLOCKS = blocks()
CONFIG = [each for each in BLOCKS if each.title == "config"]


def test_every_block_says_its_language_and_nothing_unknown() -> None:
    assert len(BLOCKS) > 60
    assert [str(each) for each in BLOCKS if not INFO.fullmatch(each.info)] == []


def test_every_block_without_a_title_is_run_by_a_test() -> None:
    for each in BLOCKS:
        if each.title is None:
            test = next((test for page, test in RUN_BY.items() if each.page.startswith(page)), None)
            assert test is not None, f"{each}: run it in a test, or give it a title"
            assert (ROOT / test).exists(), test


def test_every_block_that_is_run_elsewhere_has_its_reason_and_no_reason_is_left_over() -> None:
    used = set()
    for each in BLOCKS:
        if each.title == "elsewhere":
            key = next(
                (key for key in ELSEWHERE if key[0] == each.page and each.text.startswith(key[1])), None
            )
            assert key is not None, f"{each}: write its reason into ELSEWHERE"
            used.add(key)
    assert set(ELSEWHERE) == used


def test_a_recipes_page_runs_its_own_program() -> None:
    for each in BLOCKS:
        if each.page.startswith("docs/recipes/") and each.title is None:
            name = Path(each.page).stem
            assert f"python recipes/{name}.py" in each.text or "curl localhost:9000/" in each.text, str(each)


def whole(text: str) -> str:
    """JSON of a page with what it leaves out (`…`) taken out."""
    text = re.sub(r",\s*…(?=\s*[}\]])", "", text)
    return re.sub(r"([\[{])\s*…\s*([\]}])", r"\1\2", text)


@pytest.mark.parametrize("block", CONFIG, ids=str)
def test_what_is_config_can_be_parsed(block: Block, tmp_path: Path) -> None:
    match block.language:
        case "json":
            json.loads(whole(block.text))
        case "python":
            ast.parse(block.text)
        case "sh":
            ran = subprocess.run(
                ["bash", "-n"], input=block.text, text=True, capture_output=True, check=False
            )
            assert ran.returncode == 0, ran.stderr
            for line in block.text.splitlines():
                if line.startswith("callwright "):
                    parser().parse_args(line.removeprefix("callwright ").replace("'", "").split())
        case "js":
            node = shutil.which("node")
            if node is None:
                pytest.skip("needs node")
            program = tmp_path / "block.mjs"
            program.write_text(block.text)
            ran = subprocess.run([node, "--check", program], text=True, capture_output=True, check=False)
            assert ran.returncode == 0, ran.stderr
        case "text" if block.page == "docs/devices.md":
            frames = re.split(r"^[→←] ", block.text, flags=re.MULTILINE)[1:]
            assert frames and all("type" in json.loads(whole(each)) for each in frames)
        case "text" if block.page == "docs/architecture.md":
            named = re.findall(r"[a-z_.]+", block.text)
            assert all(
                (ROOT / name.replace(".", "/")).exists() or (ROOT / f"{name.replace('.', '/')}.py").exists()
                for name in named
            )
        case other:
            raise AssertionError(f"{block}: nothing parses {other}")
