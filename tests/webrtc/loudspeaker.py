"""A sound server whose only loudspeaker is silent: without any, Firefox lets no AudioContext run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from config.process import end_with_parent


class Loudspeaker:
    """`with Loudspeaker() as speaker`: programs reach it by the variables of `speaker.environment`."""

    def __enter__(self) -> Loudspeaker:
        self._home = Path(tempfile.mkdtemp(prefix="callwright-sound-"))
        socket = self._home / "native"
        self.environment = {"PULSE_SERVER": f"unix:{socket}", "PULSE_COOKIE": str(self._home / "cookie")}
        modules = ("module-null-sink", f"module-native-protocol-unix socket={socket} auth-anonymous=1")
        options = ("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes")
        with (self._home / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["pulseaudio", *options, *(f"--load={module}" for module in modules)],
                env={**os.environ, "HOME": str(self._home), "XDG_RUNTIME_DIR": str(self._home)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while not socket.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, (
                self._home / "log"
            ).read_text()
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self._home, ignore_errors=True)
