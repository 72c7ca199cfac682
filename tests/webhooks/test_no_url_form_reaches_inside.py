"""Hundreds of ways to write an inside address, tried against a listener that must never be touched."""

from __future__ import annotations

import socket

import pytest

from calling.outbound_http import client, url_guard, url_text
from calling.outbound_http.url_guard import is_allowed_address
from calling.outbound_http.url_text import UnsafeUrl, parse_url
from tests.webhooks.url_forms import canary, hosts, urls


async def judged(url: str, *, allow_private: bool = False) -> None:
    """What is asked of a URL before anything is sent to it."""
    target = parse_url(url, allow_private=allow_private)
    await url_guard.resolve(target.host, target.port, allow_private=allow_private)


async def test_over_400_forms_touch_nothing_in_any_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    async with canary() as (port, touched):
        monkeypatch.setattr(url_text, "PUBLIC_PORTS", url_text.PUBLIC_PORTS | {port})
        forms = urls(port)
        assert len(forms) >= 400
        mine = client.Client(allow_private=False)
        for url in forms:
            for purpose in ("webhook", "script", "media"):
                with pytest.raises(UnsafeUrl):
                    await mine.fetch(url, method="POST", content=b"{}", purpose=purpose, total_timeout=8)
        for host in hosts():
            with pytest.raises((UnsafeUrl, OSError)):
                await client.open_socket(host.strip("[]"), port, allow_private=False)
        await mine.aclose()
        assert touched == []


async def test_a_machine_never_reaches_its_own_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_guard, "is_allowed_address", lambda address, allow_private=False: True)
    with pytest.raises(UnsafeUrl):
        await url_guard.resolve("127.0.0.1", 443)


@pytest.mark.parametrize(
    "answers",
    [
        ["93.184.215.14", "127.0.0.1"],
        ["2606:4700::1111", "::1"],
        ["10.0.0.1", "93.184.215.14"],
        [],
        ["93.184.215.14"] * 2 + ["169.254.169.254"],
        [f"93.184.215.{n}" for n in range(40)],
    ],
)
def test_one_bad_answer_among_good_ones_refuses_the_name(answers: list[str]) -> None:
    with pytest.raises(UnsafeUrl):
        url_guard.vet_addresses(answers)


async def test_a_name_that_rebinds_is_judged_again_on_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with canary() as (port, touched):
        monkeypatch.setattr(url_text, "PUBLIC_PORTS", url_text.PUBLIC_PORTS | {port})
        answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
        monkeypatch.setattr(
            url_guard, "_lookup", lambda host, port, flags=0: _numeric(flags) or next(answers)
        )
        await judged(f"https://rebind.example:{port}/")
        mine = client.Client(allow_private=False)
        with pytest.raises(UnsafeUrl):
            await mine.fetch(f"https://rebind.example:{port}/", purpose="script")
        assert touched == []


def _numeric(flags: int) -> None:
    if flags & socket.AI_NUMERICHOST:
        raise socket.gaierror


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "1.1.1.1",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_public_addresses_pass_even_when_wrapped(address: str) -> None:
    assert is_allowed_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_metadata_addresses_are_refused_even_where_private_ones_are_allowed(address: str) -> None:
    assert not is_allowed_address(address, allow_private=True)


async def test_private_addresses_and_plain_http_pass_only_where_allowed() -> None:
    await judged("http://127.0.0.1:9/hook", allow_private=True)
    with pytest.raises(UnsafeUrl):
        await judged("http://1.1.1.1/hook")


async def test_refusals_that_depend_on_the_network_all_read_the_same() -> None:
    texts = set()
    for url in (
        "https://10.0.0.1/",
        "https://169.254.169.254/",
        "https://[::1]:8443/",
        "https://nowhere.invalid/",
    ):
        with pytest.raises(UnsafeUrl) as caught:
            await judged(url)
        texts.add(str(caught.value))
    assert texts == {url_text.REFUSAL}


def test_a_target_keeps_path_and_query_and_drops_the_fragment() -> None:
    target = parse_url("HTTPS://Example.COM:8443/a%20b/ö?q=1#part")
    assert (target.scheme, target.host, target.port, target.path) == (
        "https",
        "example.com",
        8443,
        "/a%20b/%C3%B6?q=1",
    )
    assert parse_url("https://example.com?x=1").path == "/?x=1"
