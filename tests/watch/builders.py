"""Rows and alarms, each with what a test does not care about."""

from typing import Any

from persistence.rows import JournalRow
from tests.domain.builders import NOW
from watch.alarm import Alarm
from watch.kinds import Kind


def a_row(kind: str, ref: str = "ACME", seq: int = 1, **payload: Any) -> JournalRow:
    return JournalRow(seq=seq, at=NOW, kind=kind, ref=ref, payload=payload)


def an_alarm(text: str = "Bought 1 ACME.", kind: Kind = Kind.FILL, seq: int | None = None) -> Alarm:
    return Alarm(kind, NOW, text, seq)
