"""One alarm, and how many of them become one message."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from watch.kinds import RANK, ROUTINE, Kind

MOST_LINES: Final = 10
"""Of one message; the rest is counted."""
MOST_CHARACTERS: Final = 400
"""Of one line: a reason may be in the words of a stranger."""


class Alarm(NamedTuple):
    """Something that its owner wants to know."""

    kind: Kind
    at: datetime
    text: str
    seq: int | None = None
    """The journal row that it tells; None: of what is no row."""

    @property
    def routine(self) -> bool:
        """Whether it is part of a good day."""
        return self.kind in ROUTINE


class Notice(NamedTuple):
    """What a channel sends."""

    title: str
    body: str
    urgent: bool


def notice_of(who: str, alarms: Sequence[Alarm], lost: Mapping[Kind, int]) -> Notice:
    """One message of all these. `lost`: those for which there was no room, by kind."""
    ranked = sorted(alarms, key=lambda alarm: RANK[alarm.kind])  # those of a kind stay in their order
    shown = sorted(ranked[:MOST_LINES], key=lambda alarm: alarm.at)
    left = Counter(alarm.kind for alarm in ranked[MOST_LINES:]) + Counter(lost)
    lines = [f"{alarm.at:%H:%M:%S} {alarm.text}" for alarm in shown]
    if left:
        lines.append(f"and {left.total()} more ({_counted(left)})")
    every = Counter(alarm.kind for alarm in alarms) + Counter(lost)
    urgent = any(not alarm.routine for alarm in alarms) or any(kind not in ROUTINE for kind in lost)
    return Notice(f"{who}: {_counted(every)}", "\n".join(lines), urgent)


def line_of(text: str) -> str:
    """The text in one line that no service takes for more than text, and not endless."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - 1] + "…"


def _counted(kinds: Mapping[Kind, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in _most_important_first(kinds.items()))


def _most_important_first(items: Iterable[tuple[Kind, int]]) -> list[tuple[Kind, int]]:
    return sorted(items, key=lambda item: RANK[item[0]])
