from datetime import timedelta
from typing import Any

from tests.domain.builders import NOW
from watch.kinds import Kind
from watch.looking import Lasting, Look, Naked

ACME = {17: Naked("ACME", "103.2", "no fresh price")}


def look(second: int, **changes: Any) -> Look:
    fields: dict[str, Any] = {
        "at": NOW,
        "monotonic": timedelta(seconds=second),
        "gate_open": True,
        "gate_reason": "all is well",
        "safe_mode": None,
        "rebuilds": 0,
        "naked": {},
    }
    return Look(**(fields | changes))


def told(*looks: Look) -> list[list[Kind]]:
    lasting = Lasting(gate_s=60)
    return [[alarm.kind for alarm in lasting.alarms(each)] for each in looks]


def shut(second: int) -> Look:
    return look(second, gate_open=False, gate_reason="the trading stream is down")


def test_a_gate_that_was_closed_for_a_moment_is_not_told() -> None:
    assert told(shut(0), shut(59), look(60), shut(61), shut(120)) == [[], [], [], [], []]


def test_a_gate_that_stays_closed_is_told_once_and_once_when_it_opens() -> None:
    assert told(shut(0), shut(60), shut(600), look(601), look(700)) == [[], [Kind.GATE], [], [Kind.GATE], []]


def test_the_reason_is_told() -> None:
    lasting = Lasting(gate_s=60)
    lasting.alarms(shut(0))
    [alarm] = lasting.alarms(shut(75))
    assert alarm.text == "For 75 s nothing could be bought: the trading stream is down."


def test_a_rebuild_is_told_each_time() -> None:
    assert told(look(0), look(5, rebuilds=1), look(10, rebuilds=1), look(15, rebuilds=3)) == [
        [], [Kind.RESTART], [], [Kind.RESTART],
    ]  # fmt: skip


def test_safe_mode_is_told_when_it_begins_and_ends() -> None:
    safe = look(0, safe_mode="Starfill has failed 4 times")
    assert told(safe, safe, look(9)) == [[Kind.RESTART], [], [Kind.RESTART]]


def test_a_trade_that_cannot_be_sold_is_told_when_that_lasts_and_when_it_is_over() -> None:
    naked = [look(second, naked=ACME) for second in (0, 29, 30, 90)]
    assert told(*naked, look(95), look(100)) == [[], [], [Kind.NAKED], [], [Kind.NAKED], []]


def test_one_that_could_be_sold_again_in_time_is_not() -> None:
    assert told(look(0, naked=ACME), look(29), look(31, naked=ACME), look(60, naked=ACME)) == [[], [], [], []]
