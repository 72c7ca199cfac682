"""Every variable is checked before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import env, env_network
from config.connection_urls import celery_broker, django_database

WRONG = [
    ("CALLWRIGHT_HTTP_PORT", "abc"),
    ("CALLWRIGHT_HTTP_PORT", "0"),
    ("CALLWRIGHT_HTTP_PORT", "65536"),
    ("CALLWRIGHT_HTTP_PORT", "8443"),
    ("CALLWRIGHT_HTTPS_PORT", "-1"),
    ("CALLWRIGHT_HTTPS_PORT", "٣"),
    ("CALLWRIGHT_BIND", "everywhere"),
    ("CALLWRIGHT_DOMAIN", "https://example.com"),
    ("CALLWRIGHT_DOMAIN", "example.com:99999"),
    ("CALLWRIGHT_DOMAIN", "."),
    ("CALLWRIGHT_DOMAIN", "example..com"),
    ("CALLWRIGHT_BIND", "224.0.0.1"),
    ("CALLWRIGHT_BIND", "255.255.255.255"),
    ("CALLWRIGHT_DATA_DIR", "/dev/null"),
    ("CALLWRIGHT_DATA_DIR", "x" * 5000),
    ("CALLWRIGHT_DATA_DIR", "~nobody-of-that-name/data"),
    ("CALLWRIGHT_DATA_DIR", "/tmp/\udcff"),  # a byte that is no UTF-8
    ("CALLWRIGHT_ADMIN_PASSWORD", "\udcff\udcfe"),
    ("CALLWRIGHT_SECRET_KEY", "\udcff"),
    ("CALLWRIGHT_PROJECT_ID", "not-a-uuid"),
    ("CALLWRIGHT_API_TOKEN", "has a space"),
    ("DATABASE_URL", "sqlite:///file"),
    ("DATABASE_URL", "postgresql://host"),
    ("DATABASE_URL", "postgresql://host:port/name"),
    ("CALLWRIGHT_REQUESTS_DATABASE_URL", "sqlite:///file"),
    ("CALLWRIGHT_REQUESTS_DATABASE_URL", "postgresql://other@host/name"),  # and DATABASE_URL is not set
    ("DATABASE_REPLICA_URL", "sqlite:///file"),
    ("DATABASE_REPLICA_URL", "postgresql://host"),
    ("DATABASE_REPLICA_URL", "postgresql://standby/name"),  # and DATABASE_URL is not set
    ("CALLWRIGHT_REPLICA_LAG_SECONDS", "0"),
    ("REDIS_URL", "http://localhost"),
    ("REDIS_URL", "redis://"),
    ("REDIS_URL", "http://[::1"),
    ("REDIS_URL", "redis://host/abc"),
    ("REDIS_URL", "redis://host/-1"),
    ("REDIS_URL", "redis://host:99999/0"),
    ("REDIS_URL", "redis://host/?db=2"),
    ("REDIS_URL", "redis://host/0?db=x"),
    ("REDIS_URL", "redis://host/0?nonsense=1"),
    ("REDIS_URL", "redis://host/0?protocol=7"),
    ("REDIS_URL", "rediss://host/0?nonsense=1"),
    ("REDIS_URL", "rediss://host/0?ssl_cert_reqs=CERT_NONE"),
    ("REDIS_URL", "unix:///run/v.sock?nonsense=1"),
    ("REDIS_URL", "unix:///run/v.sock?db=x"),
    ("REDIS_URL", "sentinel://host:x/0"),
    ("REDIS_URL", "sentinel://[::1/0"),
    ("CALLWRIGHT_MEDIA_WORKERS", "0"),
    ("CALLWRIGHT_MEDIA_IP", "10.0.0.1/here"),
    ("CALLWRIGHT_MEDIA_IP", "0.0.0.0/0.0.0.0"),
    ("CALLWRIGHT_MEDIA_IP", "127.0.0.1,"),
    ("CALLWRIGHT_MEDIA_IP", "239.1.2.3"),
    ("CALLWRIGHT_MEDIA_IP", "10.0.0.1/255.255.255.255"),
    ("CALLWRIGHT_MEDIA_IP", "127.0.0.1,somewhere"),
    ("CALLWRIGHT_MEDIA_IP", ",".join(f"10.0.0.{number}" for number in range(1, 10))),
    ("CALLWRIGHT_MEDIA_PORTS", "49999-40000"),
    ("CALLWRIGHT_MEDIA_PORTS", "80-90"),
    ("CALLWRIGHT_MEDIA_MUX", "both"),
    ("CALLWRIGHT_MEDIA_LOOP", "rust"),
    ("CALLWRIGHT_SIP_PORT", "sip"),
    ("CALLWRIGHT_SIP_EDGE", "host"),
    ("CALLWRIGHT_SIP_EDGE", "host:0"),
    ("CALLWRIGHT_SIP_EDGE", "sip://host:5060"),
    ("CALLWRIGHT_TURN_PORT", "99999"),
    ("CALLWRIGHT_ICE_SERVERS", "stun:example.com"),
    ("CALLWRIGHT_ICE_SERVERS", '{"urls": "stun:example.com"}'),
    ("CALLWRIGHT_ICE_SERVERS", '[{"urls": ["http://example.com"]}]'),
    ("CALLWRIGHT_ICE_SERVERS", '[{"urls": "turn:example.com", "password": "x"}]'),
    ("CALLWRIGHT_OIDC_ISSUER", "id.example.com"),
    ("CALLWRIGHT_OIDC_ISSUER", "http://id.example.com"),  # who is let in is not decided over plain http
    ("CALLWRIGHT_OIDC_ISSUER", "https://id.example.com/?tenant=a"),
    ("CALLWRIGHT_OIDC_ISSUER", "https://somebody@id.example.com"),
    ("CALLWRIGHT_OIDC_NAME", "x" * 41),
    ("CALLWRIGHT_ALLOW_PRIVATE_URLS", "perhaps"),
    ("CALLWRIGHT_RING_SECONDS", "601"),
    ("CALLWRIGHT_MAX_CALL_SECONDS", "1.5"),
    ("CALLWRIGHT_DRAIN_SECONDS", "ten"),
    ("CALLWRIGHT_MESSAGES_PER_SECOND", "0"),
    ("CALLWRIGHT_MESSAGES_BURST", "x"),
    ("CALLWRIGHT_DIALS_PER_SECOND", "fast"),
    ("CALLWRIGHT_DATABASE_POOL", "1"),
    ("CALLWRIGHT_TRUSTED_PROXIES", "proxy.example.com"),
    ("CALLWRIGHT_WS_ORIGINS", "app.example.com"),
    ("CALLWRIGHT_WS_ORIGINS", ","),  # nobody's page could open a socket
    ("CALLWRIGHT_WS_ORIGINS", "https://app.example.com:99999"),
    ("CALLWRIGHT_WS_ORIGINS", "http://[::1"),
    ("CALLWRIGHT_MEDIA_LEGS", "0"),
    ("CALLWRIGHT_MAX_CALLS_GUEST", "0"),
    ("CALLWRIGHT_MAX_CALLS_SUBSCRIBER", "many"),
    ("CALLWRIGHT_PROJECT_SHARE", "101"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(env.WrongVariable) as refusal:
        env.read({name: value})
    assert str(refusal.value).startswith(("CALLWRIGHT_HTTPS_PORT: 8443 is", f"{name}: "))
    assert "\n" not in str(refusal.value)


@pytest.mark.processes
def test_the_process_ends_with_one_line_and_no_traceback() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=env.ROOT,
        env={**os.environ, "CALLWRIGHT_HTTP_PORT": "eighty"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert result.stderr.strip().splitlines() == [
        "callwright: CALLWRIGHT_HTTP_PORT: must be a whole number from 1 to 65535, got 'eighty'"
    ]


@pytest.mark.processes
def test_a_file_of_the_secret_key_that_says_nothing_is_named_and_kept(tmp_path: Path) -> None:
    """A new key in its place would make every token and every sealed secret void without a word."""
    path = tmp_path / "secret.key"
    own = {name: value for name, value in os.environ.items() if name != "CALLWRIGHT_SECRET_KEY"}
    for content, why in (
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xff\xa2", "is no text"),
        (None, "cannot be read"),
    ):
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        path.mkdir() if content is None else path.write_bytes(content)
        told = subprocess.run(
            [sys.executable, "manage.py", "check"],
            cwd=env.ROOT, env={**own, "CALLWRIGHT_DATA_DIR": str(tmp_path)}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert told.returncode == 2 and told.stderr.count("\n") == 1, told.stderr
        assert told.stderr.startswith(f"callwright: CALLWRIGHT_SECRET_KEY: is not set, and {path} {why}")
        assert content is None or path.read_bytes() == content


def test_the_defaults_are_those_of_the_contract() -> None:
    found = env.read({})
    assert (found.http_port, found.https_port, found.bind) == (8000, 8443, "127.0.0.1")
    assert found.domain == "localhost:8443"
    assert found.data_dir == env.ROOT / ".callwright"
    assert found.media_ports == (40000, 49999)
    assert found.media_mux == (sys.platform == "linux")
    assert (found.sip_port, found.turn_port) == (5060, 3478)
    assert (found.ring_seconds, found.max_call_seconds, found.drain_seconds) == (45, 14400, 1800)
    assert (found.messages_per_second, found.messages_burst, found.dials_per_second) == (50, 200, 100)
    assert (found.media_bind, found.media_advertised) == ("127.0.0.1", "127.0.0.1")
    assert found.allow_private_urls


def test_private_urls_are_refused_by_default_where_the_database_is_given() -> None:
    assert not env.read({"DATABASE_URL": "postgresql://db/callwright"}).allow_private_urls


@pytest.mark.parametrize(
    "url",
    [
        "redis://host", "redis://:secret@host:6379/0", "redis://user:p%40ss@[::1]:6379/15", "unix:///run/v.sock?db=2",
        "rediss://host/0?ssl_cert_reqs=none", "redis://host/0?socket_timeout=5&protocol=3&client_name=calls",
        "sentinel://a:26379,b/0?service=x", "rediss+sentinel://a/0",
    ],
)  # fmt: skip
def test_a_redis_url_of_any_kind_is_taken(url: str) -> None:
    assert env.read({"REDIS_URL": url}).redis_url == url


def test_an_empty_variable_counts_as_unset() -> None:
    assert env.read({"CALLWRIGHT_HTTP_PORT": "", "DATABASE_URL": " "}) == env.read({})


def test_the_domain_follows_the_https_port() -> None:
    assert env.read({"CALLWRIGHT_HTTPS_PORT": "9443"}).domain == "localhost:9443"
    assert env.read({"CALLWRIGHT_DOMAIN": "Calls.Example.com"}).domain == "calls.example.com"


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.5", "2001:db8::5"])
@pytest.mark.parametrize("length", [1, 31])
def test_a_short_api_token_is_refused_where_others_reach_the_instance(bind: str, length: int) -> None:
    with pytest.raises(env.WrongVariable, match="32 to 200"):
        env.read({"CALLWRIGHT_BIND": bind, "CALLWRIGHT_API_TOKEN": "x" * length})
    assert env.read({"CALLWRIGHT_BIND": bind, "CALLWRIGHT_API_TOKEN": "x" * 32}).api_token == "x" * 32


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.8.8.8", "::1"])
def test_a_short_api_token_will_do_on_loopback(bind: str) -> None:
    assert env.read({"CALLWRIGHT_BIND": bind, "CALLWRIGHT_API_TOKEN": "x"}).api_token == "x"


def test_media_is_bound_to_one_address_and_known_by_another() -> None:
    found = env.read({"CALLWRIGHT_MEDIA_IP": "10.0.0.5/203.0.113.9"})
    assert found.media_places == (("10.0.0.5", "203.0.113.9"),)
    assert (found.media_bind, found.media_advertised) == ("10.0.0.5", "203.0.113.9")


def test_media_may_be_at_several_addresses() -> None:
    found = env.read({"CALLWRIGHT_MEDIA_IP": "10.0.0.5/203.0.113.9, 2001:db8::5,127.0.0.1, 127.0.0.1"})
    assert found.media_places == (
        ("10.0.0.5", "203.0.113.9"),
        ("2001:db8::5", "2001:db8::5"),
        ("127.0.0.1", "127.0.0.1"),
    )


@pytest.mark.parametrize("value", ["127.0.0.1", "localhost"])
def test_loopback_alone_keeps_media_on_this_machine(value: str) -> None:
    assert env.read({"CALLWRIGHT_MEDIA_IP": value}).media_places == (("127.0.0.1", "127.0.0.1"),)


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "192.0.2.5"])
def test_by_default_media_is_on_loopback_and_the_primary_addresses(bind: str) -> None:
    found = env.read({"CALLWRIGHT_BIND": bind}).media_places
    assert all(own == shown for own, shown in found)
    wanted = {"127.0.0.1", env_network.primary_address(), env_network.primary_address_6()} - {None}
    assert {own for own, _ in found} == wanted | ({bind} - {"0.0.0.0"})
    assert found[0][0] == (env_network.primary_address() if bind == "0.0.0.0" else bind)


def test_a_wildcard_bind_advertises_the_primary_address() -> None:
    found = env.read({"CALLWRIGHT_BIND": "0.0.0.0"})
    assert found.media_advertised == env_network.primary_address()


def test_a_database_url_may_carry_a_socket_and_escaped_characters() -> None:
    entry = django_database("postgresql://me%40x:p%2Fw@/calls?host=%2Frun%2Fpg&sslmode=disable", 8)
    assert (entry["USER"], entry["PASSWORD"], entry["HOST"]) == ("me@x", "p/w", "/run/pg")
    assert (entry["NAME"], entry["OPTIONS"]["sslmode"]) == ("calls", "disable")
    assert entry["OPTIONS"]["pool"]["timeout"] == 5


def test_celery_is_told_unix_sockets_its_own_way() -> None:
    assert celery_broker("unix:///run/v.sock?db=2") == "redis+socket:///run/v.sock?virtual_host=2"
    assert celery_broker("rediss://h:1/0") == "rediss://h:1/0"
