"""Debian's Chromium in the same network, with a fake camera and a tone for a microphone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.e2e.baresip import tone
from tests.webrtc.browser_phone import BrowserPhone
from tests.webrtc.https_alone import trust
from tests.webrtc.own_network import Network

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream=fps=10",
    "--use-fake-ui-for-media-stream",
]


class Chromium(BrowserPhone):
    """`Chromium(network, 600)`: its microphone says 600 Hz. authority: one that it trusts besides."""

    def __init__(self, network: Network, hertz: int, authority: Path | None = None) -> None:
        from playwright import sync_api

        self.hertz = hertz
        self._home = Path(tempfile.mkdtemp(prefix="callwright-chromium-"))
        tone(self._home / "tone.wav", hertz)
        program = self._home / "chromium"
        if authority is not None:
            trust(self._home / ".pki" / "nssdb", authority)
        program.write_text(
            f'#!/bin/sh\nHOME={self._home} exec {" ".join(network.command("chromium"))} "$@"\n'
        )
        program.chmod(0o755)
        self._driver = sync_api.sync_playwright().start()
        microphone = f"--use-file-for-fake-audio-capture={self._home / 'tone.wav'}"
        self._browser = self._driver.chromium.launch(executable_path=program, args=[*FLAGS, microphone])
        context = self._browser.new_context(permissions=["microphone", "camera"])
        context.set_default_timeout(30_000)
        self.page = context.new_page()

    @property
    def version(self) -> str:
        return str(self._browser.version)

    def goto(self, url: str) -> None:
        self.page.goto(url, wait_until="domcontentloaded")

    def evaluate(self, body: str, *arguments: object) -> object:
        return self.page.evaluate(f"async (args) => {{ {body} }}", list(arguments))

    def close(self) -> None:
        self._browser.close()
        self._driver.stop()
        shutil.rmtree(self._home, ignore_errors=True)
