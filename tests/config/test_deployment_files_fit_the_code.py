"""docker/: every part named there exists, every variable is read, media workers are given time to drain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from config.env import ROOT

DOCKER = ROOT / "docker"
ENTRYPOINT = (DOCKER / "entrypoint.sh").read_text()
PARTS = set(re.findall(r"^  ([a-z]+)\) exec", ENTRYPOINT, re.MULTILINE))
READ = set(re.findall(r'"(CALLWRIGHT_[A-Z_]+)"', (ROOT / "config" / "env.py").read_text()))
MANIFEST = DOCKER / "kubernetes" / "callwright.yaml"
SET = re.compile(r"^\s*-? ?\{?(?:name: )?(CALLWRIGHT_[A-Z_]+)[:=,]", re.MULTILINE)


def kubernetes() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text())["items"]
    return items


def pods() -> list[dict[str, Any]]:
    return [item["spec"]["template"] for item in kubernetes() if "template" in item.get("spec", {})]


def test_every_part_that_runs_is_one_of_the_entrypoint() -> None:
    assert {"web", "media", "tasks", "beat", "sweep", "sip", "prepare"} <= PARTS
    started = {one["args"][0] for pod in pods() for one in pod["spec"]["containers"]}
    assert started == {"web", "media", "tasks", "beat", "sweep", "sip", "prepare"}
    services = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]
    assert {one["command"][0] for one in services.values() if one.get("image") == "callwright"} == started


def test_what_the_image_copies_is_given_to_its_build() -> None:
    recipe = (DOCKER / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--)(\S+) ", recipe, re.MULTILINE))
    kept_out = set((ROOT / ".dockerignore").read_text().split())
    assert copied and all((ROOT / path).exists() for path in copied)
    assert not {Path(path).parts[0] for path in copied} & kept_out


def test_the_health_check_needs_no_program_that_a_slim_image_lacks() -> None:
    assert "exec kill" not in ENTRYPOINT  # `kill` is the shell's own; the program is in procps


def test_every_variable_that_is_set_is_read() -> None:
    for path in (DOCKER / "compose.yml", MANIFEST):
        named = set(SET.findall(path.read_text()))
        assert named and named <= READ, (path.name, named - READ)


def test_no_superuser_of_the_database_is_the_product() -> None:
    services = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]
    superuser = services["postgres"]["environment"]["POSTGRES_USER"]
    made = set(
        re.findall(r"^CREATE ROLE (\w+) LOGIN", (DOCKER / "postgres" / "roles.sh").read_text(), re.MULTILINE)
    )
    for part in ("prepare", "web", "media", "sip"):
        urls = (
            services[part]["environment"][name]
            for name in ("DATABASE_URL", "CALLWRIGHT_REQUESTS_DATABASE_URL")
        )
        users = [re.findall(r"//(\w+):", url)[0] for url in urls]
        assert len(set(users)) == 2 and set(users) == made and superuser not in users


def test_media_workers_are_given_longer_than_they_drain() -> None:
    settings = next(item["data"] for item in kubernetes() if item["kind"] == "ConfigMap")
    media = next(pod["spec"] for pod in pods() if pod["metadata"]["labels"]["part"] == "media")
    assert media["hostNetwork"] is True
    assert media["terminationGracePeriodSeconds"] > int(settings["CALLWRIGHT_DRAIN_SECONDS"])
    service = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]["media"]
    assert service["network_mode"] == "host" and service["stop_grace_period"] == "31m"


def test_nothing_runs_with_more_rights_than_it_needs() -> None:
    for pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for one in pod["spec"]["containers"]:
            assert one["securityContext"]["readOnlyRootFilesystem"] is True
            assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_image_holds_every_package_of_the_code() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE))
    code = {path.parent.name for path in Path(ROOT).glob("*/__init__.py")} - {"tests", "docs"}
    assert code <= copied, code - copied
