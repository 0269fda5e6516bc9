"""Delivers lines of JSON to the bot one after the other, and follows each to its verdict."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from cli.client import BotClient, Unreachable
from domain.values import Clock
from web.api.views import time_text

POLL_S: Final = 0.1
CREATED: Final = 202


@dataclass
class Delivered:
    """One line and what became of it."""

    line: int
    signal_id: str = ""
    source: str = ""
    outcome: str = "refused"
    """accepted, repeated, refused, or unsent."""
    why: str = ""
    verdict: str = ""
    reason: str = ""


@dataclass
class Report:
    """All lines and what became of them."""

    lines: list[Delivered] = field(default_factory=list)
    unreachable: str = ""
    """Why the rest was not sent; empty: all was."""

    def count(self, outcome: str) -> int:
        return sum(each.outcome == outcome for each in self.lines)

    @property
    def taken(self) -> list[Delivered]:
        return [each for each in self.lines if each.outcome in {"accepted", "repeated"}]

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(each.verdict or "undecided" for each in self.taken)

    @property
    def all_taken(self) -> bool:
        return not self.unreachable and len(self.taken) == len(self.lines)

    def as_json(self) -> dict[str, Any]:
        outcomes = {name: self.count(name) for name in ("accepted", "repeated", "refused", "unsent")}
        return {
            **outcomes,
            "unreachable": self.unreachable or None,
            "verdicts": dict(self.verdicts),
            "lines": [vars(each) for each in self.lines],
        }


def with_time(line: str, clock: Clock) -> str:
    """The line's JSON, issued now unless it says when it was; raises ValueError for what is no object.

    A line that is complete stays as it is, to the letter.
    """
    fields = json.loads(line, parse_float=Decimal)
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - one kind of fault for the caller
    if "issued_at" in fields:
        return line
    return json.dumps(fields | {"issued_at": time_text(clock())}, default=str)


def deliver(client: BotClient, lines: Iterable[tuple[int, str]], clock: Clock) -> Iterator[Delivered]:
    """Send the numbered lines in their order; a broken one is told, and the rest goes on.

    Raises Unreachable when nobody answers; what was delivered before stays delivered.
    """
    for number, line in lines:
        done = Delivered(number)
        try:
            text = with_time(line, clock)
        except (ValueError, RecursionError) as error:
            done.why = f"it is not a signal: {error}"
        else:
            _send(client, text, done)
        yield done


def _send(client: BotClient, text: str, done: Delivered) -> None:
    try:
        answer = client.post_signal(text)
    except Unreachable as error:
        done.outcome, done.why = "unsent", str(error)
        raise
    if not answer.is_good:
        done.why = answer.why()
        return
    signal_id, source = answer.body.get("signal_id"), answer.body.get("source")
    if not isinstance(signal_id, str) or not isinstance(source, str):
        done.outcome, done.why = "unsent", "the answer is not a receipt"
        raise Unreachable(f"another program than Starfill answers at {client.url}: it gives no receipt")
    done.outcome = "accepted" if answer.status == CREATED else "repeated"
    done.signal_id, done.source = signal_id, source


def follow(
    client: BotClient,
    taken: Iterable[Delivered],
    wait_s: float,
    *,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until every one of these has its verdict, for `wait_s` seconds at most. Raises Unreachable."""
    give_up = monotonic() + wait_s
    waiting = list(taken)
    while True:
        waiting = [each for each in waiting if not _decided(client, each)]
        if not waiting or monotonic() >= give_up:
            return
        pause(POLL_S)


def _decided(client: BotClient, each: Delivered) -> bool:
    verdict = client.signal(each.signal_id, each.source).get("verdict")
    if not isinstance(verdict, dict) or not {"code", "reason"} <= verdict.keys():
        return False
    each.verdict, each.reason = str(verdict["code"]), str(verdict["reason"])
    return True
