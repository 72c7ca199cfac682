"""Every public member of `@signalwire/js`, read from the packages' own type files, with its verdict.

`python -m tests.signalwire.browser.table` writes docs/signalwire-js.md; a test holds it to this.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.signalwire.browser import stage
from tests.signalwire.browser.verdicts import THROWS, VERDICTS, WORKS, Verdict

PAGE = Path(__file__).parents[3] / "docs" / "signalwire-js.md"
Members = dict[str, dict[str, str]]  # type: member: method, observable, value or class
HEAD = """# Every member of `@signalwire/js`

This page lists every public member of `@signalwire/js` 4.0.0-beta.12 and 3.30.0, from the packages' own type
files. *works*: a
value is what is true of the call, a method has its effect, and everybody concerned is told. *refused*: the
method fails with that code and a message that names what is not supported, the call goes on, and nothing has
changed. *the SDK itself throws*: the method fails before anything is sent. `value$` is the observable of
`value`. [SignalWire clients](signalwire.md) describes their use.
"""
NAMES = {
    "exports": "The module",
    "ClientSession": "`client.session`",
    "Directory": "`client.directory`",
    "User": "`client.user`",
    "ClientPreferences": "`client.preferences`",
    "Participant": "Another participant (`call.participants`)",
    "SelfParticipant": "One's own participant (`call.self`)",
    "SelfCapabilities": "`call.self.capabilities`",
    "DialOptions": "Options of `dial`",
    "DialParams": "Options of `dial`",
    "FabricRoomSession": "A call (`FabricRoomSession`)",
}


@cache
def packages() -> dict[str, tuple[str, Members]]:
    """By version: that of the package, and its members as its type files have them."""
    stage.install()
    answer = subprocess.run(
        ["node", "members.mjs"], cwd=stage.HERE, check=True, timeout=120, capture_output=True
    )
    return {name: (each["version"], each["members"]) for name, each in json.loads(answer.stdout).items()}


def verdict(found: Mapping[str, Verdict], member: str) -> Verdict | None:
    return found.get(member) or found.get(member.removesuffix("$"))


def faults(version: str) -> list[str]:
    """Members without a verdict, and verdicts without a member."""
    members, verdicts = packages()[version][1], VERDICTS[version]
    problems = sorted(f"no type {each}" for each in members.keys() ^ verdicts.keys())
    for kind in members.keys() & verdicts.keys():
        has = set(members[kind])
        problems += [f"{kind}.{each}: no verdict" for each in has if verdict(verdicts[kind], each) is None]
        problems += [
            f"{kind}.{each}: no such member" for each in verdicts[kind] if not {each, f"{each}$"} & has
        ]
    return problems


def rows(version: str, kind: str) -> Iterator[tuple[list[str], Verdict]]:
    """The names of one line, `value` and `value$` together, and what becomes of them."""
    members, verdicts = packages()[version][1][kind], VERDICTS[version][kind]
    for member in sorted(members, key=str.lower):
        plain = member.removesuffix("$")
        if member != plain and plain in members:
            continue
        names = [f"{member}()" if members[member] == "method" else member]
        names += [f"{member}$"] if f"{member}$" in members else []
        found = verdict(verdicts, member)
        assert found is not None, member
        yield names, found


def page() -> str:
    text = [HEAD]
    for version, title in (("v4", "Version 4"), ("v3", "Version 3")):
        number, members = packages()[version]
        text.append(f"\n## {title} ({number})\n")
        for kind in members:
            text.append(f"\n### {title}: {NAMES.get(kind, f'`{kind}`')}\n\n| member | | |\n|---|---|---|\n")
            for names, found in rows(version, kind):
                words = " ".join(f"`{each}`" for each in names)
                text.append(f"| {words} | {found.says} | {found.note} |\n")
    return "".join(text)


__all__ = ["PAGE", "THROWS", "WORKS", "faults", "packages", "page", "rows", "verdict"]

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
