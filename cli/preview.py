"""`python run.py send --preview`: what would become of signals now; the bot stores nothing of them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.client import Answer, BotClient
from cli.delivery import with_time
from domain.values import Clock


@dataclass
class Told:
    """What the bot says of one line."""

    line: int
    why: str = ""
    """Why it has nothing to say; empty: it has."""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        if self.why:
            return f"line {self.line}: {self.why}"
        told = self.body
        return f"{told['signal_id']}, {told['symbol']}: would {told['would']}: {told['reason']}"

    @property
    def checks(self) -> list[str]:
        """Each check in a line."""
        return [
            f"  {'passed' if check['passed'] else 'FAILED'}  {check['name']:<24} {check['detail']}"
            for check in self.body.get("checks", ())
        ]


def previews(client: BotClient, lines: Iterable[tuple[int, str]], clock: Clock) -> Iterator[Told]:
    """Have the numbered lines weighed in their order. Raises Unreachable."""
    for number, line in lines:
        try:
            text = with_time(line, clock)
        except (ValueError, RecursionError) as error:
            yield Told(number, why=f"it is not a signal: {error}")
        else:
            yield _told(number, client.preview_signal(text))


def _told(number: int, answer: Answer) -> Told:
    if not answer.is_good:
        return Told(number, why=answer.why())
    needed = {"signal_id", "symbol", "would", "reason", "checks"}
    if not needed <= answer.body.keys():
        return Told(
            number, why="the answer is no preview; another program, or another version, answers there"
        )
    return Told(number, body=answer.body)


def as_json(told: Iterable[Told]) -> str:
    """All that was said, line by line."""
    lines = [{"line": each.line, "why": each.why or None, **each.body} for each in told]
    return json.dumps({"previews": lines}, indent=2)
