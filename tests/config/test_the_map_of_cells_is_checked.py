"""What a map of cells may say, and what the proxy is told of it. The proxy itself: the cells side by side."""

from __future__ import annotations

import re

import pytest

from config.cells import cell_map, haproxy
from config.env import ROOT

ONE, TWO = "0191f3a0-0000-7000-8000-000000000001", "0191F3A0-0000-7000-8000-000000000002"
GOOD = f"""
domain = "calls.example.com"
https = "*:443"
certificates = "/etc/haproxy/certificates"
moving = ["0191f3a0-0000-7000-8000-000000000003"]
[cells.east]
domain = "east.calls.example.com"
web = ["10.0.1.10:8000", "[fd00::1]:8000"]
projects = ["{ONE}"]
[cells.west-2]
domain = "west.calls.example.com"
web = ["west.internal:8000"]
projects = ["{TWO}"]
"""


def test_a_map_becomes_three_files() -> None:
    files = haproxy.files(cell_map.read(GOOD), "/etc/haproxy/cells")
    assert files["projects.map"].splitlines() == [
        "0191f3a0000070008000000000000001 east",
        "0191f3a0000070008000000000000002 west-2",
        "0191f3a0000070008000000000000003 moving",
    ]
    assert files["hosts.map"].splitlines()[:2] == [
        "east.calls.example.com east",
        "fabric.east.calls.example.com east",
    ]
    text = files["haproxy.cfg"]
    assert "bind *:443 ssl crt /etc/haproxy/certificates" in text and "bind *:80" not in text
    assert "server s2 [fd00::1]:8000 check" in text and "map_str(/etc/haproxy/cells/projects.map)" in text
    assert "frontend sip" not in text


def test_the_map_of_the_page_is_one() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "docs/scaling.md").read_text(), re.M | re.S)
    found = cell_map.read(text)
    assert [each.name for each in found.cells] == ["east", "west"]
    assert "frontend sip" in haproxy.files(found, "/etc/haproxy")["haproxy.cfg"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("domain =", "domain", "not TOML"),
        ('domain = "calls.example.com"', "", "domain is a host name"),
        ('domain = "calls.example.com"', 'domain = "Calls;x"', "domain is a host name"),
        ('"east.calls.example.com"', '"calls.example.com"', "is there twice"),
        ('"east.calls.example.com"', '"fabric.west.calls.example.com"', "is there twice"),
        ('"west.internal:8000"', '"10.0.1.10:8000"', "is there twice"),
        ('"[fd00::1]:8000"', '"10.0.1.10:8000"', "is there twice"),
        ('https = "*:443"', 'https = "*:0"', "https"),
        ('https = "*:443"', 'http = "*:80"', "belong together"),
        ("[cells.east]", "[cells.moving]", "a name is"),
        ("[cells.east]", "[cells.'e st']", "a name is"),
        ('"10.0.1.10:8000"', '"10.0.1.10"', "host:port"),
        ('"10.0.1.10:8000"', '"x:1 check\\n"', "host:port"),
        ('web = ["west.internal:8000"]', "", "web lists"),
        (TWO, ONE, "is in east and in west-2"),
        (TWO, "0191f3a0-0000-7000-8000-000000000003", "is in moving and in west-2"),
        (TWO, "two", "project ids"),
        ("moving =", "movign =", "unknown name movign"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(cell_map.WrongMap) as wrong:
        cell_map.read(GOOD.replace(old, new, 1))
    assert words in str(wrong.value) and "\n" not in str(wrong.value)
