"""`callwright completion bash|zsh|fish`: a script that completes commands and options."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from clients.command.instance import Instance


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("completion", help="print a completion script for bash, zsh or fish")
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])
    parser.set_defaults(run=run)


def words(top: argparse.ArgumentParser) -> dict[str, list[str]]:
    """The options of each command, by its name; those of all commands under the empty name."""
    found: dict[str, list[str]] = {"": _options(top)}
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {name: _options(each) for name, each in action.choices.items()}
    return found


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [text for action in parser._actions for text in action.option_strings if text.startswith("--")]


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    known = words(given.top)
    print({"bash": bash, "zsh": zsh, "fish": fish}[given.shell](known), end="")
    return 0


def bash(known: dict[str, list[str]]) -> str:
    names = " ".join(name for name in known if name)
    cases = "".join(f"    {name}) words='{' '.join(known[name])}' ;;\n" for name in known if name)
    return (
        "_callwright() {\n"
        "  local words each\n"
        f"  words='{names} {' '.join(known[''])}'\n"
        '  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case $each in\n'
        f"{cases}"
        "  esac; done\n"
        '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))\n'
        "}\n"
        "complete -o default -F _callwright callwright\n"
    )


def zsh(known: dict[str, list[str]]) -> str:
    return "autoload -U bashcompinit && bashcompinit\n" + bash(known)


def fish(known: dict[str, list[str]]) -> str:
    lines = [f"complete -c callwright -n __fish_use_subcommand -a {name}" for name in known if name]
    for name, options in known.items():
        when = f"-n '__fish_seen_subcommand_from {name}' " if name else ""
        lines += [f"complete -c callwright {when}-l {option[2:]}" for option in options]
    return "\n".join(lines) + "\n"
