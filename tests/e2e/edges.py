"""The SIP edge as a process of a test: `manage.py sip` on a port of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.ports import free_pair


@contextlib.contextmanager
def answering(environment: dict[str, str], directory: Path) -> Iterator[EdgeProcess]:
    """An edge that answers, stopped in the end unless it was before."""
    one = EdgeProcess(environment, directory)
    try:
        one.wait_until_ready()
        yield one
    finally:
        if one.process.poll() is None:
            one.stop()


class EdgeProcess:
    """`manage.py sip` on a free port, TLS on the next one."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.port = free_pair()
        self.tls_port = self.port + 1
        self.log = directory / f"sip-{self.port}.log"
        variables = {
            **environment,
            "CALLWRIGHT_SIP_PORT": str(self.port),
            "CALLWRIGHT_DATA_DIR": str(directory),
            "CALLWRIGHT_BIND": "127.0.0.1",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "sip"],
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """It answers OPTIONS."""
        ask = (
            "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{0};branch=z9hG4bK{1};rport\r\n"
            "From: <sip:t@t>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: {1}\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 9\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("127.0.0.1", 0))
            one.settimeout(0.3)
            for number in range(300):
                assert self.process.poll() is None, self.words()
                one.sendto(ask.format(one.getsockname()[1], number).encode(), ("127.0.0.1", self.port))
                try:
                    answer = one.recv(2000)
                    assert b" 200 " in answer[:15], answer
                    return
                except TimeoutError:
                    continue
                except ConnectionRefusedError:
                    time.sleep(0.2)
        raise AssertionError(self.words())

    def words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self) -> float:
        """SIGTERM; the seconds it took to end."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - started
