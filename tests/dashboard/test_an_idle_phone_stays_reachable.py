"""A phone that nobody touches for days: it renews its token, says when it is offline, rings unseen."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import open_softphone

pytestmark = pytest.mark.sample(5)

RENEWING = """
  window.made = (refreshToken = 'r0') => {
    const one = new Phone({ token: 'good', refreshToken });
    window.told = [];
    one.on('token.refreshed', ({ token, refreshToken }) => told.push(`${token}, ${refreshToken}`));
    one.on('token.expiring', (renews) => told.push(`expiring, renews: ${renews}`));
    one.on('error', (error) => told.push(error.code));
    return one;
  };
"""


def test_each_pair_is_renewed_with_the_last_one_long_before_it_ends(module):
    module.evaluate(RENEWING)
    told = module.evaluate(
        """async () => {
          platform.lasts = 1;
          const one = made();
          await one.connect();
          await until(() => told.length === 3);
          platform.lasts = undefined;
          platform.drop();
          await new Promise((done) => one.on('ready', done));
          return [told.slice(0, 3), one.token === platform.expected, one.ready];
        }"""
    )
    wanted = ["token after r0, r1", "token after r1, r2", "token after r2, r3"]
    assert told == [wanted, True, True]


def test_a_warning_renews_too_where_a_hidden_page_has_no_timers(module):
    module.evaluate(RENEWING)
    told = module.evaluate(
        """async () => {
          const one = made();
          await one.connect();
          platform.tell({ type: 'token.expiring', expires_in: 60 });
          await until(() => told.length === 2);
          return told;
        }"""
    )
    assert told == ["expiring, renews: true", "token after r0, r1"]


def test_a_refresh_token_that_was_used_elsewhere_is_tried_once(module):
    module.evaluate(RENEWING)
    told = module.evaluate(
        """async () => {
          const one = made('used');
          await one.connect();
          for (let i = 0; i < 2; i++) {
            platform.tell({ type: 'token.expiring', expires_in: 60 });
            await new Promise((done) => setTimeout(done, 700));
          }
          return [told, platform.of('token.refresh').length, one.ready];
        }"""
    )
    words = ["expiring, renews: true", "token_invalid", "expiring, renews: false"]
    assert told == [words, 1, True]


def test_a_token_that_ended_offline_is_renewed_before_the_phone_gives_up(module):
    module.evaluate(RENEWING)
    told = module.evaluate(
        """async () => {
          const one = made(), closed = [];
          one.on('closed', (code, reason, again) => closed.push([code, again]));
          await one.connect();
          platform.expected = 'ended';
          platform.away = 'socket'; // the platform is late: that is no refusal
          platform.drop();
          await until(() => closed.filter(([code]) => code === 1013).length === 2);
          platform.away = '';
          await until(() => one.ready);
          const alive = [closed.every(([, again]) => again), told.splice(0)];
          one.refreshToken = 'used';
          platform.expected = 'ended';
          platform.drop();
          await until(() => closed.at(-1)[1] === false);
          const tried = platform.of('auth').filter((each) => each.refresh_token === 'used');
          return [...alive, closed.at(-1), tried.length];
        }"""
    )
    assert told == [True, ["token after r0, r1"], [4401, False], 1]


def test_a_renewal_that_is_refused_for_the_moment_is_tried_again(module):
    module.evaluate(RENEWING)
    told = module.evaluate(
        """async () => {
          const later = window.setTimeout;
          window.setTimeout = (act, ms, ...rest) => later(act, ms === 15000 ? 50 : ms, ...rest);
          const one = made();
          await one.connect();
          platform.away = 'unavailable';
          platform.tell({ type: 'token.expiring', expires_in: 60 });
          await until(() => platform.of('token.refresh').length >= 2);
          platform.away = '';
          await until(() => told.includes('token after r0, r1'));
          return told;
        }"""
    )
    assert told == ["expiring, renews: true", "token after r0, r1"]


def test_the_page_comes_back_with_a_token_that_ended_while_it_was_offline(softphone):
    softphone.evaluate("sessionStorage.setItem('callwright.refresh', 'r0')")
    softphone.reload()
    softphone.get_by_text("Online", exact=True).wait_for()
    softphone.evaluate("platform.expected = 'ended'; platform.stay = true; platform.drop()")
    softphone.get_by_role("alert").get_by_text("Offline").wait_for()
    softphone.evaluate("platform.stay = false; platform.sockets.at(-1).end(1006)")
    softphone.get_by_text("Online", exact=True).wait_for()
    assert softphone.evaluate("sessionStorage.getItem('callwright.refresh')") == "r1"
    assert not softphone.locator("#entry-page").is_visible()


def test_two_tabs_with_one_refresh_token_use_it_once(softphone):
    softphone.evaluate("sessionStorage.setItem('callwright.refresh', 'r0')")
    softphone.reload()
    softphone.get_by_text("Online", exact=True).wait_for()
    with softphone.context.expect_page() as opened:  # it has a copy of this tab's storage
        softphone.evaluate("void window.open('about:blank')")
    other = opened.value
    open_softphone(other, token="")
    other.get_by_text("Online", exact=True).wait_for()
    both = (softphone, other)
    for tab in both:
        tab.evaluate("""() => {
          // One platform for both: it knows what the other tab has made.
          const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (text) {
            const { type, token } = JSON.parse(text);
            if (type === 'auth' && token) platform.expected = token;
            return send.call(this, text);
          };
        }""")
    for tab in both:
        tab.evaluate("platform.tell({ type: 'token.expiring' })")
    for tab in both:
        tab.wait_for_function("() => sessionStorage.getItem('callwright.refresh') === 'r1'")
        tab.get_by_text("Online", exact=True).wait_for()
    assert sum(tab.evaluate("platform.of('token.refresh').length") for tab in both) == 1
    assert softphone.evaluate("phone.token") == other.evaluate("phone.token") == "token after r0"


def test_back_on_the_network_a_lost_socket_is_opened_at_once(module):
    took = module.evaluate(
        """async () => {
          platform.stay = true;
          platform.drop();
          for (let i = 0; i < 6; i++) { // the waits double: the next one takes seconds
            await until(() => platform.sockets.at(-1).readyState === 0);
            platform.sockets.at(-1).end(1006);
            await new Promise((done) => setTimeout(done, 20));
            dispatchEvent(new Event('online'));
          }
          platform.stay = false;
          const ready = new Promise((done) => phone.on('ready', done));
          platform.sockets.at(-1).end(1006);
          await new Promise((done) => setTimeout(done, 20));
          const before = performance.now();
          dispatchEvent(new Event('online'));
          dispatchEvent(new Event('online'));
          await ready;
          const open = platform.sockets.filter((one) => one.readyState === 1);
          return [performance.now() - before < 1000, open.length];
        }"""
    )
    assert took == [True, 1]


def test_the_page_keeps_the_new_pair_for_a_reload(softphone):
    softphone.goto("about:blank")
    softphone.goto("http://localhost/phone#token=good&refresh=r0")
    softphone.get_by_text("Online", exact=True).wait_for()
    assert softphone.evaluate("location.hash") == ""
    softphone.evaluate("platform.tell({ type: 'token.expiring' })")
    softphone.wait_for_function("() => sessionStorage.getItem('callwright.refresh') === 'r1'")
    assert softphone.evaluate("sessionStorage.getItem('callwright.token')") == "token after r0"


def test_an_offline_phone_says_so_loudly(softphone):
    banner = softphone.get_by_role("alert")
    assert not banner.is_visible() and softphone.title() == "Phone"
    softphone.evaluate("platform.stay = true; platform.drop()")
    banner.get_by_text("Offline: nobody can call this phone").wait_for()
    assert softphone.title() == "Offline · Phone"
    softphone.evaluate("platform.stay = false; platform.sockets.at(-1).end(1006)")
    banner.wait_for(state="hidden")
    assert softphone.title() == "Phone"


INCOMING = """platform.tell({ type: 'call.incoming', call_id: 'i1', from: '/private/bob', from_name: 'Bob',
  to: '/private/alice', media: { audio: true } })"""


def test_the_ringtone_needs_no_timers(softphone):
    softphone.evaluate(
        """() => {
          const connect = AudioNode.prototype.connect;
          AudioNode.prototype.connect = function (to, ...more) {
            if (to === this.context.destination && !window.ear) {
              window.ear = new AnalyserNode(this.context, { fftSize: 2048 });
              connect.call(this, window.ear);
            }
            return connect.call(this, to, ...more);
          };
          window.loud = () => {
            if (!window.ear) return false;
            const samples = new Float32Array(2048);
            ear.getFloatTimeDomainData(samples);
            return samples.some((one) => Math.abs(one) > 0.01);
          };
        }"""
    )
    softphone.evaluate(INCOMING)
    softphone.wait_for_function("() => window.ear")
    softphone.evaluate("window.setTimeout = window.setInterval = () => 0")
    bursts, before = 0, False
    for _ in range(400):
        now = softphone.evaluate("loud()")
        bursts += now and not before
        before = now
        if bursts > 8:
            return  # more than two periods of four
        softphone.wait_for_timeout(25)
    raise AssertionError(f"{bursts} bursts in ten seconds")


def test_a_call_in_a_hidden_tab_is_shown_by_the_system(softphone):
    softphone.evaluate(
        """() => {
          Object.defineProperty(document, 'hidden', { get: () => true });
          window.notices = [];
          window.Notification = class {
            static permission = 'granted';
            constructor(title) { notices.push(this); this.title = title; }
            close() { this.closed = true; }
          };
        }"""
    )
    softphone.evaluate(INCOMING)
    softphone.wait_for_function("() => window.notices.length === 1")
    assert softphone.evaluate("notices[0].title") == "Bob is calling" == softphone.title()
    assert not softphone.evaluate("notices[0].closed")
    softphone.evaluate("platform.tell({ type: 'call.ended', call_id: 'i1', reason: 'cancelled' })")
    softphone.wait_for_function("() => notices[0].closed")
