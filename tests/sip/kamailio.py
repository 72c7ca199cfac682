"""kamailio as a proxy in the middle: it writes Record-Route and relays, or it is a trunk that is down."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import TracebackType

from tests.run import find_program
from tests.support.ports import free_udp_and_tcp_port

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
CONFIG = """
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
listen=udp:127.0.0.1:{down}
listen=udp:127.0.0.1:{silent}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("rr", "enable_full_lr", 1)
request_route {{
    if ($Rp == {silent}) {{ exit; }}
    if ($Rp == {down}) {{ sl_send_reply("503", "Trunk Down"); exit; }}
    if (loose_route()) {{
        append_hf("X-Seen: kamailio\\r\\n");
        t_relay();
        exit;
    }}
    if (is_method("CANCEL|ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    $fs = "udp:127.0.0.1:{port}";
    record_route();
    append_hf("X-Seen: kamailio\\r\\n");
    {target}
    t_relay();
}}
"""


class Kamailio:
    """`async with Kamailio(tmp_path, inside=…, outside=…) as proxy`.

    What comes from the port `inside` goes to `outside`, everything else to `inside`, over `port`; its port
    `down` answers 503 to everything, its port `silent` nothing at all.
    """

    def __init__(self, directory: Path, inside: int, outside: int) -> None:
        self.directory = directory / "kamailio"
        self.inside, self.outside = inside, outside

    async def __aenter__(self) -> Kamailio:
        self.directory.mkdir()
        self.port, self.down, self.silent = (
            free_udp_and_tcp_port(),
            free_udp_and_tcp_port(),
            free_udp_and_tcp_port(),
        )
        words = CONFIG.format(
            port=self.port, down=self.down, silent=self.silent, modules=MODULES,
            target=f'if ($sp == {self.inside}) {{ $du = "sip:127.0.0.1:{self.outside}"; }}'
            f' else {{ $du = "sip:127.0.0.1:{self.inside}"; }}',
        )  # fmt: skip
        (self.directory / "kamailio.cfg").write_text(words)
        program = find_program("kamailio")
        assert program is not None
        place = str(self.directory)
        with (self.directory / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                program, "-f", f"{place}/kamailio.cfg", "-DD", "-E", "-Y", place, "-w", place, "-m", "16",
                "-M", "4", stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 20
        while f":{self.port:04X} " not in Path("/proc/net/tcp").read_text():
            assert self.process.returncode is None and time.monotonic() < end, self.words()
            await asyncio.sleep(0.05)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.words())
        if self.process.returncode is None:
            os.killpg(self.process.pid, 15)
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except TimeoutError:
                os.killpg(self.process.pid, 9)
                await self.process.wait()

    def words(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-4000:]
