"""The line of a SWML script that an error is about, so that its editor can point there. Pure."""

from __future__ import annotations

import re

import yaml

_PATH = re.compile(r"^([A-Za-z_][^:\s]*): ")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_SAID = re.compile(r"\bat line (\d+)")


def line_of(text: str, fault: str) -> int | None:
    """The line, from 1, that `fault` is about: `sections.main[1].play: …` or `… at line 4`. None if unknown.

    A path may name a field that is missing; then it is the line of what should have it.
    """
    if said := _SAID.search(fault):
        return int(said[1])
    path = _PATH.match(fault)
    if path is None:
        return None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    line = None
    for index, name in _PART.findall(path[1]):
        found = _inside(node, index, name)
        if found is None:
            break
        line, node = found
    return line


def _inside(node: yaml.Node | None, index: str, name: str) -> tuple[int, yaml.Node] | None:
    if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        child = node.value[int(index)]
        return child.start_mark.line + 1, child
    if name and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    return None
