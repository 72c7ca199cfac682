"""The door under attack: limits before the hash, a way in for who is known, and nothing else that suffers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from calling import retention
from calling.dashboard import passwords, tries
from calling.models import StaffAction
from tests.dashboard.test_signing_in_needs_the_second_factor import sign_in, with_factor


@pytest.fixture
def hashes(monkeypatch):
    """The names' passwords that were hashed, in order."""
    done, real = [], passwords._hash

    def counted(password, encoded):
        done.append(password)
        return real(password, encoded)

    monkeypatch.setattr(passwords, "_hash", counted)
    return done


def at_the_same_time(count, work):
    """The answers of `count` threads that start together."""
    found, barrier = [], threading.Barrier(count)

    def one(number):
        try:
            barrier.wait(10)
            found.append(work(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_the_limit_is_hashed(world, hashes):
    found = at_the_same_time(24, lambda _: sign_in(Client(), password="wrong"))
    statuses = Counter(answer.status_code for answer in found)
    assert set(statuses) <= {403, 429, 503} and statuses[429] == 14
    assert len(hashes) == statuses[403] <= 10
    assert all(int(answer["Retry-After"]) >= 1 for answer in found if answer.status_code != 403)


def test_changing_names_does_not_help_one_source(world, hashes):
    statuses = Counter(sign_in(Client(), name=f"nobody{n}", password="x").status_code for n in range(60))
    assert set(statuses) == {403, 429} and len(hashes) == statuses[403] <= 31


def test_nor_do_changing_sources_help_everybody_together(world, hashes):
    """Two tries an address, each another name: what the process hashes is bounded all the same."""
    begun = time.monotonic()
    for n in range(60):
        sign_in(Client(REMOTE_ADDR=f"2001:db8:0:{n}::1"), name=f"nobody{n}", password="x")
    assert len(hashes) <= 21 + (time.monotonic() - begun)


def test_the_addresses_of_one_ipv6_network_are_one_source(world, hashes):
    for n in range(20):
        last = sign_in(Client(REMOTE_ADDR=f"2001:db8::{n:x}"), password="wrong")
    assert last.status_code == 429 and len(hashes) == 10


def test_strangers_cannot_lock_out_a_browser_that_is_known(world, monkeypatch):
    known = Client()
    assert sign_in(known).status_code == 302
    known.post("/dashboard/logout")
    monkeypatch.setattr(passwords, "_hash", lambda password, encoded: (False, None))
    strangers = (Client(REMOTE_ADDR=f"198.51.100.{n}") for n in range(254))
    tries = (sign_in(stranger, password="wrong").status_code for stranger in strangers)
    assert 429 in tries, "all strangers together are limited"
    monkeypatch.undo()
    assert sign_in(known).status_code == 302


def test_strangers_elsewhere_do_not_use_up_a_name(world):
    for n in range(15):
        sign_in(Client(REMOTE_ADDR=f"198.51.100.{n}"), password="wrong")
    assert sign_in(Client(REMOTE_ADDR="203.0.113.9")).status_code == 302


def test_a_known_browser_is_known_for_its_own_name_and_has_ten_tries_too(world, hashes):
    known = Client()
    sign_in(known)
    known.post("/dashboard/logout")
    for _ in range(10):
        assert sign_in(known, password="wrong").status_code == 403
    assert sign_in(known).status_code == 429
    assert sign_in(Client()).status_code == 302, "its failures are not those of its address"
    for _ in range(10):
        sign_in(Client(), name="otto", password="wrong")
    assert sign_in(known, name="otto").status_code == 429, "to other names it is a stranger"


@pytest.mark.parametrize("forged", ["", "x", "x:y:z", "eyJpZCI6MX0:1tAbCd:AAAA"])
def test_a_cookie_of_ones_own_making_makes_nobody_known(world, forged):
    client = Client()
    for _ in range(10):
        sign_in(client, password="wrong")
    client.cookies[tries.COOKIE] = forged
    assert sign_in(client).status_code == 429


def test_who_succeeds_may_go_on(world):
    for _ in range(40):
        assert sign_in(Client()).status_code == 302


def test_codes_are_limited_wherever_they_come_from(world):
    with_factor(world)
    for n in range(10):
        client = Client(REMOTE_ADDR=f"198.51.100.{n}")
        sign_in(client)
        assert client.post("/dashboard/login/code", {"code": "000000"}).status_code == 403
    client = Client(REMOTE_ADDR="203.0.113.9")
    sign_in(client)
    assert client.post("/dashboard/login/code", {"code": "000000"}).status_code == 429


def test_who_has_a_session_cannot_guess_the_code_that_ends_the_factor(world):
    with_factor(world)
    client = Client()
    client.force_login(world.people["vera"])
    for _ in range(12):
        answer = client.post("/dashboard/second-factor", {"code": "000000"}, follow=True)
    assert "Too many tries" in answer.content.decode()


def test_a_session_that_signed_nobody_in_is_soon_forgotten(world):
    """A challenge for a passkey makes one for whoever asks; one of a person keeps its two weeks."""
    stranger, vera = Client(), Client()
    for client in (stranger, vera):
        client.post("/dashboard/login/passkey/challenge")
    sign_in(vera)
    assert stranger.session.get_expiry_age() <= 900
    assert vera.session.get_expiry_age() > 13 * 86400
    Session.objects.filter(pk=stranger.session.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    retention.forget_all()
    assert list(Session.objects.values_list("pk", flat=True)) == [vera.session.session_key]


def in_use(pool):
    stats = pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_password_is_hashed(world, monkeypatch):
    held, pool = [], connections["default"].pool

    def look(password, encoded):
        # The pool takes a connection back in a thread of its own, a moment after it was let go.
        end = time.monotonic() + 10
        while (used := in_use(pool)) and time.monotonic() < end:
            time.sleep(0.01)
        held.append(used)
        return False, None

    monkeypatch.setattr(passwords, "_hash", look)
    connection.close()
    at_the_same_time(1, lambda _: sign_in(Client(), password="wrong"))
    assert held == [0]


@pytest.mark.django_db(transaction=True)
def test_more_than_may_wait_are_told_to_come_again(world, monkeypatch):
    go, told, too_many = threading.Event(), [], 12 - passwords.WAITING
    monkeypatch.setattr(passwords, "_hash", lambda password, encoded: (go.wait(20), None))
    names = ["vera", "otto", "olga"]

    def one(number):
        answer = sign_in(Client(REMOTE_ADDR=f"198.51.100.{number}"), names[number % 3])
        if answer.status_code == 503:
            told.append(number)
            if len(told) == too_many:
                go.set()
        return answer

    found = at_the_same_time(12, one)
    refused = [answer for answer in found if answer.status_code == 503]
    assert len(refused) == 12 - passwords.WAITING and all(answer["Retry-After"] == "2" for answer in refused)


def test_strangers_write_few_lines_into_the_audit_log(world, monkeypatch):
    monkeypatch.setattr(tries, "take", lambda buckets: None)
    for n in range(50):
        sign_in(Client(), name=f"nobody{n}", password="x")
    assert StaffAction.objects.filter(action="login.failed").count() == 1
    sign_in(Client(REMOTE_ADDR="203.0.113.9"), password="wrong")
    assert StaffAction.objects.filter(action="login.failed").count() == 2, "another source has its own line"


def test_their_lines_are_forgotten_and_those_of_staff_are_not(world, monkeypatch):
    monkeypatch.setattr(retention, "KEPT_FAILURES", 3)
    old = timezone.now() - timedelta(days=31)
    StaffAction.objects.all().delete()
    for n in range(6):
        StaffAction.objects.create(action="login.failed", name=f"nobody{n}")
    StaffAction.objects.create(action="webhook.resend", name="vera")
    StaffAction.objects.filter(name__in=("nobody5", "vera")).update(at=old)
    retention.forget_all()
    left = StaffAction.objects.order_by("id").values_list("name", flat=True)
    assert list(left) == ["nobody2", "nobody3", "nobody4", "vera"]


PACKAGES_PAGES = ("signup", "login", "logout", "email", "reset_password", "change_password", "inactive")


@pytest.mark.parametrize(
    "name", [f"account_{page}" for page in PACKAGES_PAGES] + ["mfa_index", "socialaccount_signup"]
)
def test_no_page_of_the_package_behind_has_a_path(name):
    """Nobody signs up, changes an address or is mailed a new password."""
    with pytest.raises(NoReverseMatch):
        reverse(name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/dashboard/login", "/api/calls"])
def test_without_a_connection_left_the_answer_is_to_come_again(world, path):
    connection.close()
    pool = connections["default"].pool
    taken = [pool.getconn() for _ in range(pool.max_size)]
    try:
        client = Client(raise_request_exception=False)
        headers = {"Authorization": "Basic NWM3OGRkODAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwOnh4eHg="}
        answer = client.post(path, {"username": "vera", "password": "x"}, headers=headers)
    finally:
        for each in taken:
            pool.putconn(each)
    assert answer.status_code == 503 and int(answer["Retry-After"]) >= 1
