"""Signals that come without a token: signed ones, and TradingView's alerts. On a real socket."""

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.conftest import NOW, Api, body, serving
from web.sources.door import SourceRules
from web.sources.key_file import Secrets, add_source, rotate_source
from web.sources.signing import signature_of

HERE = ip_network("127.0.0.1/32")
RULES = SourceRules(per_minute=600, tradingview=(HERE,), public_host="bot.example.com")
ALERT = {
    "alert": "breakout",
    "symbol": "NASDAQ:ACME",
    "catalyst_tier": "2",
    "issued_at": "2026-11-12T15:00:00Z",
    "bar_time": "2026-11-12T15:00:00Z",
}


class Sources:
    """A news desk that signs, and TradingView, in front of one API."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api, self.folder = api, folder
        self.desk = add_source(folder, "desk", "signed", api.clock)
        self.hook = add_source(folder, "tv", "tradingview", api.clock)
        self._nonce = 0

    def signed(
        self,
        text: bytes | None = None,
        *,
        key: Secrets | None = None,
        at: int | None = None,
        nonce: str | None = None,
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> requests.Response:
        """Send these bytes, signed."""
        given, sent = key or self.desk, signal() if text is None else text
        self._nonce += 1
        stamp = str(int(self.api.clock().timestamp()) if at is None else at)
        name = nonce or f"nonce-{self._nonce:016d}"
        claim = {
            "Content-Type": "application/json",
            "X-Signature-Key": given.key_id,
            "X-Signature-Timestamp": stamp,
            "X-Signature-Nonce": name,
            "X-Signature": signature_of(given.secret, stamp, name, sent),
        }
        return requests.post(
            f"{self.api.url}/api/signals{query}", data=sent, headers=claim | dict(headers), timeout=10
        )

    def alert(
        self, *, path: str | None = None, peer: str = "", raw: bytes | None = None, **fields: Any
    ) -> Any:
        """Post an alert with these changes, as TradingView does."""
        told = {"passphrase": self.hook.passphrase} | ALERT | fields
        text = json.dumps({name: value for name, value in told.items() if value is not ...}).encode()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if peer:
            headers["X-Forwarded-For"] = peer
        token = self.hook.secret if path is None else path
        return requests.post(
            f"{self.api.url}/hooks/tradingview/{token}", data=raw or text, headers=headers, timeout=10
        )

    def stored(self) -> int:
        return len(self.api.queries.signals(limit=500).items)


def signal(**changes: Any) -> bytes:
    return json.dumps(body(**{"source": "desk"} | changes)).encode()


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    with serving(tmp_path, rules=RULES) as api:
        yield Sources(api, tmp_path)


@pytest.fixture(scope="module")
def shared_sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    folder = tmp_path_factory.mktemp("sources")
    with serving(folder, rules=RULES._replace(per_minute=60_000)) as api:
        yield Sources(api, folder)


# --- signed -----------------------------------------------------------------------------------------


def test_a_signed_signal_needs_no_token_and_is_its_sources(sources: Sources) -> None:
    answer = sources.signed(signal(source=...))
    assert (answer.status_code, answer.json()["source"]) == (202, "desk")


def test_a_key_speaks_for_its_source_alone(sources: Sources) -> None:
    answer = sources.signed(signal(source="api"))
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_source")
    assert sources.stored() == 0


def test_an_exact_replay_in_the_window_gets_the_first_answer_and_makes_nothing(sources: Sources) -> None:
    first = sources.signed(nonce="0123456789abcdef")
    again = sources.signed(nonce="0123456789abcdef")
    assert (first.status_code, again.status_code, again.json()["repeated"]) == (202, 200, True)
    assert sources.stored() == 1


@pytest.mark.parametrize(("off_s", "status"), [(-60, 202), (60, 202), (-61, 401), (61, 401)])
def test_a_timestamp_is_good_for_a_minute_either_way(sources: Sources, off_s: int, status: int) -> None:
    assert sources.signed(at=int(NOW.timestamp()) + off_s).status_code == status
    assert sources.stored() == (1 if status == 202 else 0)


def test_a_replay_after_the_window_is_refused(sources: Sources) -> None:
    at = int(NOW.timestamp())
    assert sources.signed(at=at, nonce="0123456789abcdef").status_code == 202
    sources.api.clock.advance(61)
    assert sources.signed(at=at, nonce="0123456789abcdef").status_code == 401


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_the_body_may_change(shared_sources: Sources, place: int, bit: int) -> None:
    text = signal(signal_id="flipped")
    changed = bytearray(text)
    changed[place % len(text)] ^= 1 << bit
    stamp = str(int(NOW.timestamp()))
    good = signature_of(shared_sources.desk.secret, stamp, "n" * 16, text)
    answer = shared_sources.signed(bytes(changed), nonce="n" * 16, headers={"X-Signature": good})
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_proven"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Signature", "v1=" + "0" * 64),
        ("X-Signature", "v2=" + "0" * 64),
        ("X-Signature-Key", "nobody"),
        ("X-Signature-Nonce", "short"),
        ("X-Signature-Nonce", "a.b.c.d.e.f.g.h.i"),
        ("X-Signature-Timestamp", "1e9"),
        ("X-Signature-Timestamp", "-1"),
    ],
)
def test_every_refusal_of_a_proof_is_the_same_answer(sources: Sources, header: str, value: str) -> None:
    answer = sources.signed(headers={header: value})
    plain = sources.signed(headers={"X-Signature": "v1=" + "f" * 64})
    assert (answer.status_code, answer.content) == (401, plain.content)
    assert sources.stored() == 0


def test_a_second_key_is_good_beside_the_first_and_a_third_ends_it(sources: Sources) -> None:
    _, second = rotate_source(sources.folder, "desk", sources.api.clock)
    assert sources.signed(signal(signal_id="a")).status_code == 202
    assert sources.signed(signal(signal_id="b"), key=second).status_code == 202
    rotate_source(sources.folder, "desk", sources.api.clock)
    assert sources.signed(signal(signal_id="c")).status_code == 401
    assert sources.signed(signal(signal_id="d"), key=second).status_code == 202


def test_a_signature_opens_no_preview_and_no_other_address(sources: Sources) -> None:
    assert sources.signed(query="?preview=true").status_code == 401
    for path in ("/api/status", "/api/signals", "/api/halt"):
        answer = requests.get(sources.api.url + path, headers={"X-Signature": "v1=" + "0" * 64}, timeout=10)
        assert answer.status_code in {401, 405}


def test_a_wrong_token_beside_a_good_signature_is_wrong(sources: Sources) -> None:
    assert sources.signed(headers={"Authorization": "Bearer nonsense"}).status_code == 401


# --- TradingView ------------------------------------------------------------------------------------


def test_an_alert_becomes_a_signal_of_its_source(sources: Sources) -> None:
    answer = sources.alert()
    assert (answer.status_code, answer.json()["source"]) == (202, "tv")
    [view] = sources.api.queries.signals(limit=1).items
    assert (view.signal.symbol, view.signal.catalyst_tier) == ("ACME", 2)
    assert "passphrase" not in view.signal.model_dump_json()


def test_an_alert_that_is_sent_again_is_the_same_signal_although_its_price_moved(sources: Sources) -> None:
    assert sources.alert(price_at_signal="12.5").status_code == 202
    again = sources.alert(price_at_signal="12.6", issued_at="2026-11-12T15:00:02Z")
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    assert sources.stored() == 1


def test_an_alert_that_sells_is_answered_and_not_stored(sources: Sources) -> None:
    answer = sources.alert(action="sell")
    assert answer.status_code == 200
    assert "ignored" in answer.json()
    assert sources.stored() == 0


def test_an_alert_without_its_path_or_passphrase_proves_nothing(sources: Sources) -> None:
    for answer in (
        sources.alert(path="x" * 43),
        sources.alert(passphrase="wrong"),
        sources.alert(passphrase=...),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_proven")
    assert sources.stored() == 0


def test_an_address_that_is_not_tradingviews_is_refused_whatever_it_forwards(tmp_path: Path) -> None:
    with serving(tmp_path, rules=RULES._replace(tradingview=(ip_network("52.89.214.238/32"),))) as api:
        sources = Sources(api, tmp_path)
        for peer in ("", "52.89.214.238", "10.0.0.1, 52.89.214.238"):
            answer = sources.alert(peer=peer)
            assert (answer.status_code, answer.json()["code"]) == (403, "sender_not_allowed")
        assert sources.stored() == 0


def test_a_proxy_that_the_owner_named_is_believed(tmp_path: Path) -> None:
    rules = RULES._replace(tradingview=(ip_network("52.89.214.238/32"),), proxies=(HERE,))
    with serving(tmp_path, rules=rules) as api:
        sources = Sources(api, tmp_path)
        assert sources.alert(peer="52.89.214.238, 9.9.9.9").status_code == 403
        assert sources.alert(peer="9.9.9.9, 52.89.214.238").status_code == 202


# --- both -------------------------------------------------------------------------------------------


def test_a_source_has_a_budget_that_strangers_do_not_use_up(tmp_path: Path) -> None:
    with serving(tmp_path, rules=RULES._replace(per_minute=2)) as api:
        sources = Sources(api, tmp_path)
        for _ in range(20):
            assert sources.signed(headers={"X-Signature": "v1=" + "0" * 64}).status_code == 401
            assert sources.alert(passphrase="wrong").status_code == 401
        statuses = [sources.signed(signal(signal_id=f"n{number}")).status_code for number in range(3)]
        assert statuses == [202, 202, 429]
        refused = sources.signed(signal(signal_id="n9"))
        assert (refused.json()["code"], refused.headers["Retry-After"]) == ("budget_used", "30")
        assert sources.alert().status_code == 202
        api.clock.advance(30)
        assert sources.signed(signal(signal_id="n2", issued_at="2026-11-12T15:00:30Z")).status_code == 202


def test_the_proxys_name_counts_for_what_proves_itself_and_for_nothing_else(sources: Sources) -> None:
    assert sources.signed(headers={"Host": "bot.example.com"}).status_code == 202
    public = {"Host": "bot.example.com"}
    for method, path in (("GET", "/"), ("GET", "/livez"), ("GET", "/api/status"), ("POST", "/api/halt")):
        answer = sources.api.call(method, path, headers=public)
        assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")
    junk = public | {"X-Signature": "x"}
    # `call` shows the token that is good by the own name.
    for path in ("/api/signals", "/api/signals?preview=true"):
        assert sources.api.call("POST", path, data=signal(signal_id="n2"), headers=junk).status_code == 401
    assert sources.stored() == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_nothing_but_a_post_makes_a_signal(sources: Sources, method: str) -> None:
    text = json.dumps({"passphrase": sources.hook.passphrase} | ALERT)
    path = f"/hooks/tradingview/{sources.hook.secret}"
    answer = requests.request(method, sources.api.url + path, data=text, timeout=10)
    assert answer.status_code == 405
    assert sources.stored() == 0


DEEP = b'{"a":' * 2000 + b"1" + b"}" * 2000
HOSTILE = {
    "huge": (b'{"a": "' + b"x" * 100_000 + b'"}', 413),
    "deep": (DEEP, 400),
    "nan": (b'{"catalyst_tier": NaN}', 400),
    "infinite": (b'{"price_at_signal": 1e309999999999999999999}', 400),
    "twice": (b'{"symbol": "A", "symbol": "B"}', 400),
    "text": (b"buy now", 400),
    "list": (b"[]", 400),
    "not utf-8": (b'{"a": "\xff"}', 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_4xx_and_stores_nothing(shared_sources: Sources, name: str) -> None:
    text, status = HOSTILE[name]
    before = shared_sources.stored()
    assert shared_sources.signed(text).status_code == status
    assert shared_sources.alert(raw=text).status_code == status
    assert shared_sources.stored() == before


def test_a_compressed_body_is_not_unpacked(shared_sources: Sources) -> None:
    assert shared_sources.signed(headers={"Content-Encoding": "gzip"}).status_code == 415


def test_the_end_of_an_alerts_address_is_in_no_answer(shared_sources: Sources) -> None:
    answer = shared_sources.alert(symbol="LSE:BA")
    assert answer.status_code == 422
    assert shared_sources.hook.secret not in answer.text
    assert shared_sources.hook.passphrase not in answer.text
