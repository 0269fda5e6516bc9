"""The `signal` table: what came in, and what was decided."""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from sqlite3 import Cursor
from typing import Any, Final

from domain.signals import Check, Signal, SignalState, Verdict
from persistence.codec import (
    built,
    decimal_or_none,
    json_of,
    micros_of,
    moment_of,
    text_or_none,
)
from persistence.errors import RowMissing
from persistence.rows import StoredSignal

SIGNAL_COLUMNS: Final = (
    "signal_id", "symbol", "catalyst_tier", "ai_confidence", "issued_at", "catalyst_category",
    "price_at_signal", "ttl_s", "source",
)  # fmt: skip
VERDICT_COLUMNS: Final = ("verdict_code", "verdict_reason", "stars", "notional", "checks")
STATES: Final = {state.value: state for state in SignalState}

_SIGNAL = ", ".join(SIGNAL_COLUMNS)
_FIND = (
    f"SELECT {_SIGNAL}, body_digest, state, received_at FROM signal "  # noqa: S608
    "WHERE (source, signal_id) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
    " FROM json_each(?))"
)
_FIND_ONE = (
    f"SELECT {_SIGNAL}, body_digest, state, received_at FROM signal WHERE source = ? AND signal_id = ?"  # noqa: S608
)
_ADD = f"INSERT INTO signal ({_SIGNAL}, body_digest, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_DECIDE = (
    "UPDATE signal SET state = ?, verdict_code = ?, verdict_reason = ?, stars = ?, notional = ?, "
    "checks = ?, decided_at = ? WHERE source = ? AND signal_id = ? AND state = 'received'"
)
_UNDECIDED = f"SELECT {_SIGNAL} FROM signal WHERE state = 'received' ORDER BY id LIMIT ?"  # noqa: S608
_COUNT_UNDECIDED = "SELECT count(*) FROM signal WHERE state = 'received'"


def signal_of(row: tuple[Any, ...]) -> Signal:
    """The signal from `SIGNAL_COLUMNS`."""
    signal_id, symbol, tier, confidence, issued_at, category, price, ttl_s, source = row
    return built(
        Signal,
        {
            "signal_id": signal_id,
            "symbol": symbol,
            "catalyst_tier": tier,
            "ai_confidence": confidence,
            "issued_at": moment_of(issued_at),
            "catalyst_category": category,
            "price_at_signal": decimal_or_none(price),
            "ttl_s": ttl_s,
            "source": source,
        },
    )


def verdict_of(row: tuple[Any, ...]) -> Verdict | None:
    """The verdict from `VERDICT_COLUMNS`; None: not decided."""
    code, reason, stars, notional, checks = row
    if code is None:
        return None
    return built(
        Verdict,
        {
            "code": code,
            "reason": reason,
            "stars": stars,
            "notional": decimal_or_none(notional),
            "checks": tuple(
                built(Check, {"name": name, "passed": passed, "detail": detail})
                for name, passed, detail in json.loads(checks)
            ),
            "order": None,  # it is a row of its own
        },
    )


def find_signals(cursor: Cursor, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredSignal]:
    """The stored ones among `keys`, each a (source, signal_id)."""
    if len(keys) == 1:
        rows = cursor.execute(_FIND_ONE, next(iter(keys)))
    else:
        rows = cursor.execute(_FIND, (json_of([list(key) for key in keys]),))
    found = {}
    for *signal, digest, state, received_at in rows:
        stored = built(
            StoredSignal,
            {
                "signal": signal_of(tuple(signal)),
                "digest": digest,
                "state": STATES[state],
                "received_at": moment_of(received_at),
            },
        )
        found[stored.signal.source, stored.signal.signal_id] = stored
    return found


def add_signal(cursor: Cursor, signal: Signal, *, digest: str, received_at: datetime) -> None:
    cursor.execute(
        _ADD,
        (
            signal.signal_id,
            signal.symbol,
            signal.catalyst_tier,
            signal.ai_confidence,
            micros_of(signal.issued_at),
            signal.catalyst_category,
            text_or_none(signal.price_at_signal),
            signal.ttl_s,
            signal.source,
            digest,
            micros_of(received_at),
        ),
    )


def decide_signal(
    cursor: Cursor, *, source: str, signal_id: str, state: SignalState, verdict: Verdict, at: datetime
) -> str:
    """The digest of its checks. RowMissing: there is no such signal, or it has its verdict, which stands."""
    checks = json_of([(check.name, check.passed, check.detail) for check in verdict.checks])
    decision = (state.value, verdict.code, verdict.reason, verdict.stars, text_or_none(verdict.notional))
    cursor.execute(_DECIDE, (*decision, checks, micros_of(at), source, signal_id))
    if cursor.rowcount != 1:
        raise RowMissing(f"signal {source}/{signal_id} is not waiting for a verdict")
    return checks_digest(checks)


def checks_digest(checks: str) -> str:
    """Names the checks of a verdict as the column holds them."""
    return hashlib.sha256(checks.encode()).hexdigest()[:16]


def undecided_signals(cursor: Cursor, *, limit: int) -> tuple[Signal, ...]:
    return tuple(map(signal_of, cursor.execute(_UNDECIDED, (limit,))))


def count_undecided(cursor: Cursor) -> int:
    return int(cursor.execute(_COUNT_UNDECIDED).fetchone()[0])
