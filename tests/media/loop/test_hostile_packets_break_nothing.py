"""The forwarding loop's C code under hostile datagrams, built with sanitizers: whatever comes, no byte beyond
a packet's room is touched, and flows and paths may change meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from calling.media.loop import build

HERE = Path(__file__).parent


@pytest.mark.timing
@pytest.mark.parametrize(
    "sanitizers", ["address,undefined", pytest.param("thread", marks=pytest.mark.soak_only)]
)
def test_no_datagram_harms_the_loop(sanitizers: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    compiler = build.compiler()
    if compiler is None:
        pytest.skip("there is no C compiler here")
    program = tmp_path / "hostile"
    files = [HERE / "hostile.c", *(each for each in build.sources() if each.suffix == ".c")]
    flags = [
        f"-fsanitize={sanitizers}",
        "-fno-sanitize-recover=all",
        "-pthread",
        "-fno-omit-frame-pointer",
        "-Wall",
        "-Werror",
    ]
    built = subprocess.run(
        [*compiler, "-std=gnu11", "-g", "-O1", *flags, f"-I{build.SOURCES}", "-o", program, *files],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "cannot find" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    soak = request.config.getoption("--soak")
    packets, datagrams = ("1000000", "200000") if soak else ("200000", "20000")
    seed = str(request.config.getoption("--seed"))
    done = subprocess.run([program, seed, packets, datagrams], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
