"""What watches from inside, put together: when all is well, and what is refused at the start."""

import time

import pytest
from pydantic import SecretStr

from cli.startup import CannotStart
from cli.watching import Wellness, secrets_in, wanted
from domain.rules import Gate
from settings import AlarmSettings, Exit, load
from watch.channel import Pace

OPEN = Gate(open=True, reason="all is well")
SHUT = Gate(open=False, reason="the trading stream is down")


class Watched:
    """A bot's wellness by a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.gate, self.handed_on = 1000.0, OPEN, list[float]()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.wellness = Wellness(lambda: self.gate, 60, self.handed_on.append)

    def turn(self, seconds: float = 0, gate: Gate = OPEN) -> str | None:
        """So much later the supervisor finds all actors well."""
        self.now, self.gate = self.now + seconds, gate
        self.wellness.all_well(0.5)
        return self.wellness.why_not()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_before_the_first_turn_nothing_is_known_to_be_well(watched: Watched) -> None:
    assert watched.wellness.why_not() == "not every part of Starfill answers"


def test_while_the_supervisor_finds_all_well_it_is(watched: Watched) -> None:
    assert [watched.turn(), watched.turn(2.5)] == [None, None]
    assert watched.handed_on == [0.5, 0.5]


def test_a_supervisor_that_finds_nothing_well_for_long_is_no_wellness(watched: Watched) -> None:
    watched.turn()
    watched.now += 16
    assert watched.wellness.why_not() == "not every part of Starfill answers"


def test_a_gate_that_stays_shut_is_no_wellness_and_one_that_was_shut_is(watched: Watched) -> None:
    assert [watched.turn(0, SHUT), watched.turn(60, SHUT)] == [None, None]
    assert watched.turn(1, SHUT) == "nothing can be bought: the trading stream is down"
    assert watched.turn(1, OPEN) is None


@pytest.mark.parametrize(
    ("alarms", "words"),
    [
        (AlarmSettings(kinds="fils"), "STARFILL_ALARMS: fils is no kind of alarm"),
        (AlarmSettings(urls=(SecretStr("nonsense://c4nary"),)), "address 1 of STARFILL_ALARM_URLS"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(alarms: AlarmSettings, words: str) -> None:
    settings = load(mode="simulator").model_copy(update={"alarms": alarms})
    with pytest.raises(CannotStart, match=words) as caught:
        wanted(settings, Pace())
    assert (caught.value.code, "c4nary" in str(caught.value)) == (Exit.CONFIGURATION, False)


def test_every_address_is_kept_out_of_the_log() -> None:
    urls = (SecretStr("tgram://1:c4nary-a/2"), SecretStr("json://127.0.0.1/c4nary-b"))
    told = secrets_in(AlarmSettings(urls=urls, deadman_url=SecretStr("https://hc-ping.com/c4nary-c")))
    assert {"1:c4nary-a", "c4nary-b", "c4nary-c"} <= set(told)
