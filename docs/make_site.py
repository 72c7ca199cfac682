"""Builds the documentation site: the pages of `docs/`, the reference and a page for each event.

`python docs/make_site.py [directory]` writes it, by default to `site/`. The reference and the events are made
from the OpenAPI document. A link that leads nowhere ends the build.
"""

from __future__ import annotations

import argparse
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
METHODS = ("get", "post", "put", "patch", "delete")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def places() -> dict[str, str]:
    """Path in the repository -> path in the site, of everything that is copied."""
    found = {"README.md": "index.md"} | {name: name for name in TOP}
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.suffix in (".md", ".png", ".svg") and path.is_file():
            found[path.relative_to(ROOT).as_posix()] = path.relative_to(ROOT / "docs").as_posix()
    return found


def moved(text: str, source: str, known: Mapping[str, str]) -> str:
    """A page's text with its links as they are in the site; what is not in it loses its link."""

    def link(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        found = known.get(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if found is None:
            return words
        here = posixpath.relpath(found, posixpath.dirname(known[source]) or ".")
        return f"{mark}[{words}]({here}{'#' + anchor if anchor else ''})"

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def fields(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """One row of a table for each field of an object; objects in it are told by their name."""
    for name, each in schema.get("properties", {}).items():
        needed = "" if name in schema.get("required", ()) else "optional"
        words = " ".join(filter(None, [needed, each.get("description", "").replace("|", "\\|")]))
        yield f"| `{name}` | {kind(each)} | {words} |"


def kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    for word in ("allOf", "oneOf", "anyOf"):
        if word in schema:
            return " or ".join(kind(each) for each in schema[word])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " or ".join("null" if each is None else f'"{each}"' for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    told = schema.get("type", "any")
    told = " or ".join(told) if isinstance(told, list) else told
    return f"{told} ({schema['format']})" if "format" in schema else str(told)


def event_pages(document: Mapping[str, Any]) -> dict[str, str]:
    """A page for each event type and a list of them, by path."""
    pages, rows = {}, []
    for name, hook in document["webhooks"].items():
        content = hook["post"]["requestBody"]["content"]["application/json"]
        body = content["schema"]
        data = body["properties"]["data"]
        rows.append(f"| [`{name}`]({name}.md) | {', '.join(f'`{each}`' for each in data['properties'])} |")
        shapes = sorted(
            {each["$ref"].rpartition("/")[2] for each in data["properties"].values() if "$ref" in each}
        )
        lines = [f"# {name}", "", f"`type` is `{name}`. The event has these fields:", ""]
        lines += ["| field | type | |", "|---|---|---|", *fields(body, document), ""]
        lines += ["`data` has these fields (others may be added):", "", "| field | type | |", "|---|---|---|"]
        lines += [*fields(data, document), "", *block("Example", content.get("example"))]
        for shape in shapes:
            lines += [f"## {shape}", "", "| field | type | |", "|---|---|---|"]
            lines += [*fields(document["components"]["schemas"][shape], document), ""]
        lines += ["[Webhooks](../webhooks.md) describes delivery and signatures.", ""]
        pages[f"events/{name}.md"] = "\n".join(lines)
    head = "# Events\n\nEvery type of event, and the fields of its `data`.\n\n| type | `data` |\n|---|---|\n"
    pages["events/index.md"] = head + "\n".join(rows) + "\n"
    return pages


def reference(document: Mapping[str, Any]) -> str:
    """Every operation with its parameters, body and examples."""
    lines = [
        "# REST reference",
        "",
        "Made from the OpenAPI document, which an instance serves at `/api/schema`.",
        "",
    ]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", "", tag["description"], ""]
        for path, methods in document["paths"].items():
            for method in METHODS:
                if method in methods and tag["name"] in methods[method].get("tags", []):
                    lines += operation(f"{method.upper()} {path}", methods[method], document)
    return "\n".join(lines)


def operation(name: str, given: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {given['summary']}", "", f"`{name}`", "", given["description"], "")
    parameters = given.get("parameters", [])
    if parameters:
        yield from ("| parameter | in | type |", "|---|---|---|")
        yield from (
            f"| `{each['name']}` | {each['in']} | {kind(each.get('schema', {}))} |" for each in parameters
        )
        yield ""
    body = given.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        schema = body["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        rows = list(fields(schema, document))
        if rows:
            yield from ("| field | type | |", "|---|---|---|", *rows, "")
        yield from block("Request", body.get("example"))
    for status, answer in given["responses"].items():
        if status.startswith("2"):
            content = answer.get("content", {}).get("application/json", {})
            yield from block(f"Response {status}", content.get("example"))


def block(words: str, example: object) -> Iterator[str]:
    if example is not None:
        text = json.dumps(example, indent=2, ensure_ascii=False)
        yield from (f"{words}:", "", "```json", text, "```", "")


def stage(target: Path, document: Mapping[str, Any]) -> None:
    """Writes the site's source."""
    known = places()
    for source, place in known.items():
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".md"):
            text = moved((ROOT / source).read_text(encoding="utf-8"), source, known)
            path.write_text(text + program(source), encoding="utf-8")
        else:
            shutil.copy(ROOT / source, path)
    for place, text in (event_pages(document) | {"reference.md": reference(document)}).items():
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def program(page: str) -> str:
    """The program of a recipe, which its page shows whole."""
    path = ROOT / "recipes" / f"{Path(page).stem}.py"
    if Path(page).parent.name != "recipes" or not path.exists():
        return ""
    return f"\n## The program\n\n```python\n{path.read_text(encoding='utf-8')}```\n"


def the_document(directory: Path) -> dict[str, Any]:
    path = directory / "openapi.json"
    environment = {"CALLWRIGHT_SECRET_KEY": "docs", **os.environ}
    command = [sys.executable, "-W", "ignore", "manage.py", "spectacular", "--format", "openapi-json"]
    subprocess.run([*command, "--file", str(path)], cwd=ROOT, env=environment, check=True)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Builds the documentation site.")
    words = "replaced by the site (default: site/ of the checkout)"
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "site", help=words)
    site = parser.parse_args(arguments).directory.resolve()
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "source"
        stage(source, the_document(Path(directory)))
        config = Path(directory) / "mkdocs.yml"
        told = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
        config.write_text(f"{told}docs_dir: {source}\nsite_dir: {site}\n", encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--config-file",
            str(config),
        ]
        return subprocess.run(command, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
