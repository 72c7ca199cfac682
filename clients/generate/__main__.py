"""`python -m clients.generate openapi.json [directory]`: writes the made parts of both clients."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clients.generate import document, python, typescript

CLIENTS = Path(__file__).resolve().parents[1]


def made(given: Mapping[str, Any]) -> dict[str, str]:
    """The text of each file by its path below `clients/`."""
    operations = document.operations(given)
    shapes, events = document.shapes(given, operations), document.event_types(given)
    return {
        "python/src/callwright_client/types.py": python.types(shapes, events),
        "python/src/callwright_client/operations.py": python.operations(operations, awaited=False),
        "python/src/callwright_client/async_operations.py": python.operations(operations, awaited=True),
        "typescript/src/types.ts": typescript.types(shapes, events),
        "typescript/src/operations.ts": typescript.operations(operations),
    }


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[1]) if len(arguments) > 1 else CLIENTS
    for name, text in made(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".py":
            subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(path)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
