"""When the monitor looks, what it asks for then, and whom it tells what."""

from datetime import timedelta
from typing import Any

import pytest

from actors.base import Address
from actors.position_monitor import LOOK_EVERY_S, MonitorMail, PositionMonitor
from broker.api import ReadFailed
from domain.config import BotConfig
from domain.exits import Look, OpenTrade
from domain.market import Market, Quote
from domain.messages import (
    ClosePosition,
    ConfigTold,
    MarketTold,
    PositionChanged,
    PositionsLooked,
    ProtectPosition,
)
from domain.trades import TradeStatus
from tests.actors.doubles import PATIENCE_S, ManualClock, ManualTimers, Outbox, ScriptedBroker, Stage
from tests.domain.builders import A_DAY, NOW, a_market, a_trade, dec, later

QUIET = BotConfig(
    hard_stop_loss_pct=dec("7"),
    profit_target_pct=dec("0"),
    max_hold_duration_sec=0,
    close_before_end_min=0,
)
"""Only the hard stop sells."""
WANTED: dict[str, Any] = {"exit_wanted": "manual", "exit_wanted_by": "owner"}
OPEN = a_market()
TOMORROW = {
    "next_open": A_DAY.opens_at + timedelta(days=1),
    "next_close": A_DAY.closes_at + timedelta(days=1),
}
CLOSED = a_market(is_open=False, **TOMORROW)


def held(trade_id: int = 1, symbol: str = "ACME", **changes: Any) -> OpenTrade:
    """Ten shares that cost 100 dollars each, and nothing under way."""
    of_trade = {name: changes.pop(name) for name in list(changes) if name not in OpenTrade.model_fields}
    trade: dict[str, Any] = {
        "id": trade_id,
        "symbol": symbol,
        "status": TradeStatus.OPEN,
        "shares": dec("10"),
        "entry_price": dec("100"),
        "entry_at": NOW,
    }
    told: dict[str, Any] = {
        "trade": a_trade(**(trade | of_trade)),
        "leaving": False,
        "busy": False,
        "covered": dec("0"),
        "in_step": True,
        "retry_at": None,
    }
    return OpenTrade(**(told | changes))


class Watch:
    """A monitor between scripted neighbours; its market is open, and each symbol's price is 100 dollars."""

    def __init__(self, stage: Stage, clock: ManualClock) -> None:
        self.clock, self.timers = clock, ManualTimers()
        self.prices: dict[str, str | None] = {}
        self.age_s = 0.0
        self.broker = ScriptedBroker(snapshots=self._quotes)
        self.sent = Outbox()
        """To the ledger and to the executor, in the order in which it was sent."""
        self.monitor: Address[Any] = stage.spawn(
            PositionMonitor,
            broker=self.broker,
            ledger=self.sent,
            executor=self.sent,
            timers=self.timers,
            clock=clock,
            monotonic=clock.monotonic,
            on_death=stage.deaths,
        )

    def _quotes(self, symbols: tuple[str, ...]) -> dict[str, Quote]:
        prices = {symbol: self.prices.get(symbol, "100") for symbol in symbols}
        return {
            symbol: Quote(
                symbol=symbol,
                last_price=dec(price),
                last_at=self.clock.now - timedelta(seconds=self.age_s),
                bid=None,
                ask=None,
            )
            for symbol, price in prices.items()
            if price is not None
        }

    def tell(self, *mail: MonitorMail) -> None:
        for each in mail:
            self.monitor.send(each)
        self.monitor.ping(timeout=PATIENCE_S)

    def opened(self, *trades: OpenTrade, config: BotConfig = QUIET, market: Market | None = OPEN) -> "Watch":
        """It knows of all it needs; what was set before is out of the way."""
        self.tell(ConfigTold(config=config))
        if market is not None:
            self.tell(MarketTold(market=market))
        self.changed(*trades)
        return self

    def changed(self, *trades: OpenTrade) -> None:
        self.tell(PositionChanged(trades=trades))

    def look(self, after_s: float = 0) -> list[Any]:
        """What was sent by the look that was set last, so many seconds later."""
        before = len(self.sent.told.all())
        self.clock.move(after_s)
        self.timers.skip_to_last()
        self.timers.fire()
        self.monitor.ping(timeout=PATIENCE_S)
        return self.sent.told.all()[before:]

    def due(self) -> float:
        """In how many seconds the next look is."""
        self.timers.skip_to_last()
        return self.timers.wait()


@pytest.fixture
def watch(stage: Stage, clock: ManualClock) -> Watch:
    return Watch(stage, clock)


def closes(sent: list[Any]) -> list[tuple[int, str, str]]:
    return [(mail.trade_id, mail.reason, mail.by) for mail in sent if isinstance(mail, ClosePosition)]


def looks(sent: list[Any]) -> dict[int, Look]:
    told = [mail for mail in sent if isinstance(mail, PositionsLooked)]
    assert len(told) <= 1
    return {look.trade_id: look for mail in told for look in mail.looks}


# --- when -----------------------------------------------------------------------------------------


def test_it_looks_every_five_seconds(watch: Watch) -> None:
    assert watch.due() == LOOK_EVERY_S == 5
    watch.opened(held())
    for _ in range(3):
        watch.look(5)
        assert watch.due() == 5
    assert len(watch.broker.calls("snapshots")) == 3


def test_all_open_trades_are_priced_in_one_call(watch: Watch) -> None:
    watch.opened(held(1, "KO"), held(2, "ACME"), held(3, "KO"))
    assert looks(watch.look()).keys() == {1, 2, 3}
    assert watch.broker.calls("snapshots") == [("ACME", "KO")]


def test_where_nothing_is_open_nothing_is_asked(watch: Watch) -> None:
    assert watch.opened().look(5) == []
    assert watch.broker.reads.all() == []
    assert watch.due() == 5


def test_a_new_position_is_looked_at_at_once(watch: Watch) -> None:
    watch.opened()
    watch.look(5)
    watch.clock.move(2)
    watch.changed(held())
    assert watch.due() == 0


def test_between_two_looks_there_is_a_second_whatever_happens(watch: Watch) -> None:
    watch.opened(held())
    watch.look(5)
    watch.clock.move(0.25)
    for qty in ("9", "8", "7"):
        watch.changed(held(shares=dec(qty)))
    assert watch.due() == 0.75
    watch.look(0.75)
    assert watch.due() == 5
    assert len(watch.broker.calls("snapshots")) == 2


def test_a_look_that_was_set_before_the_last_one_does_nothing(watch: Watch) -> None:
    watch.opened(held())
    early = watch.timers.all_actions()
    watch.look(5)
    asked = len(watch.broker.reads.all())
    for action in early:
        action()
    watch.monitor.ping(timeout=PATIENCE_S)
    assert len(watch.broker.reads.all()) == asked
    assert watch.due() == 5


@pytest.mark.parametrize(
    "change",
    [
        {"shares": dec("9")},
        {"sold": dec("1")},
        WANTED,
        {"leaving": True},
        {"busy": True},
        {"in_step": False},
    ],
    ids=["bought", "sold", "wanted", "leaving", "busy", "out of step"],
)
def test_what_may_call_for_an_act_has_it_look_soon(watch: Watch, change: dict[str, Any]) -> None:
    watch.opened(held())
    watch.look(5)
    watch.changed(held(**change))
    assert watch.due() == 1


def test_what_a_look_itself_has_changed_has_it_look_no_sooner(watch: Watch) -> None:
    watch.opened(held())
    watch.look(5)
    seen: dict[str, Any] = {
        "mark_price": dec("100"),
        "peak_price": dec("101"),
        "watched_at": later(5),
        "naked_why": "x",
    }
    watch.changed(held(**seen))
    assert watch.due() == 5


def test_a_change_of_the_settings_has_it_look_soon_and_by_them(watch: Watch) -> None:
    watch.prices["ACME"] = "95"
    watch.opened(held())
    assert closes(watch.look(5)) == []
    watch.tell(ConfigTold(config=QUIET.having({"hard_stop_loss_pct": dec("5")})))
    assert watch.due() == 1
    assert closes(watch.look(1)) == [(1, "hard_stop", "monitor")]


def test_before_it_knows_the_settings_it_does_nothing(watch: Watch) -> None:
    watch.changed(held())
    assert watch.look(5) == []
    assert watch.broker.reads.all() == []


# --- selling --------------------------------------------------------------------------------------


def test_what_a_rule_sells_is_closed_and_the_ledger_is_told_what_was_seen(watch: Watch) -> None:
    watch.prices |= {"ACME": "93", "KO": "94"}
    watch.opened(held(1), held(2, "KO"))
    close, looked = watch.look(5)
    assert close == ClosePosition(
        trade_id=1,
        symbol="ACME",
        reason="hard_stop",
        detail="at 93 it reached 93, bought at 100",
        by="monitor",
    )
    assert looks([looked]) == {
        1: Look(trade_id=1, price=dec("93"), priced_at=watch.clock.now),
        2: Look(trade_id=2, price=dec("94"), priced_at=watch.clock.now),
    }


def test_a_price_seen_before_counts_for_the_peak(watch: Watch) -> None:
    config = QUIET.having({"hard_stop_loss_pct": dec("0"), "trailing_stop_pct": dec("10")})
    watch.opened(held(peak_price=dec("120")), config=config)
    watch.prices["ACME"] = "108"
    assert closes(watch.look(5)) == [(1, "trailing_stop", "monitor")]


@pytest.mark.parametrize(
    ("stale", "why"),
    [
        ({"age_s": 61.0}, "its last trade is 61.0 s old, more than 60 s"),
        ({"price": None}, "the feed has no such symbol"),
        ({"failed": True}, "the prices could not be read: 503"),
    ],
    ids=["old", "missing", "unreadable"],
)
def test_without_a_fresh_price_no_price_rule_sells_and_it_says_that_nothing_could(
    watch: Watch, stale: dict[str, Any], why: str
) -> None:
    watch.age_s = stale.get("age_s", 0.0)
    watch.prices["ACME"] = stale.get("price", "1")
    if stale.get("failed"):
        watch.broker.script("snapshots", ReadFailed(why="503"))
    sent = watch.opened(held()).look(5)
    assert closes(sent) == []
    assert looks(sent) == {1: Look(trade_id=1, naked_why=why)}


def test_without_prices_time_and_persons_sell_all_the_same(watch: Watch) -> None:
    watch.broker.script("snapshots", ReadFailed(why="503"))
    config = QUIET.having({"max_hold_duration_sec": 300})
    wanted = held(2, "KO", exit_wanted="flatten", exit_wanted_by="owner")
    watch.opened(held(1), wanted, config=config)
    assert closes(watch.look(298)) == [(2, "flatten", "owner")]
    assert closes(watch.look(1)) == [(1, "time_exit", "monitor"), (2, "flatten", "owner")]


def test_one_symbols_missing_price_costs_the_others_nothing(watch: Watch) -> None:
    watch.prices |= {"ACME": None, "KO": "50"}
    watch.opened(held(1), held(2, "KO"))
    assert closes(watch.look(5)) == [(2, "hard_stop", "monitor")]


def test_what_is_wanted_is_closed_at_the_next_look_whatever_the_price(watch: Watch) -> None:
    watch.opened()
    watch.look(5)
    watch.changed(held(exit_wanted="hard_stop", exit_wanted_by="monitor"))
    assert closes(watch.look(watch.due())) == [(1, "hard_stop", "monitor")]
    assert closes(watch.look(5)) == [(1, "hard_stop", "monitor")]  # until it is under way


@pytest.mark.parametrize("wanted", [{}, WANTED])
def test_while_a_sell_is_under_way_no_other_is_asked_for(watch: Watch, wanted: dict[str, Any]) -> None:
    watch.prices["ACME"] = "1"
    watch.opened(held(leaving=True, selling=True, busy=True, in_step=False, **wanted))
    sent = watch.look(5)
    assert [type(mail) for mail in sent] == [PositionsLooked]
    assert looks(sent)[1].naked_why is None


def test_after_a_failure_it_waits_and_says_why_nothing_could_be_sold(watch: Watch) -> None:
    watch.opened(held(retry_at=later(21), exit_trouble="refused", **WANTED))
    waiting = watch.look(19.999)  # the clock was at one second
    assert closes(waiting) == []
    assert looks(waiting)[1].naked_why == "refused"
    assert closes(watch.look(0.001)) == [(1, "manual", "owner")]


def test_a_pause_is_by_our_own_clock(watch: Watch) -> None:
    """Ours is ahead of the broker's; the orders were planned by ours."""
    watch.clock.now = later(100)
    watch.opened(held(retry_at=later(100), **WANTED), market=None)
    watch.tell(MarketTold(market=OPEN, ahead=timedelta(seconds=50)))
    assert closes(watch.look()) == [(1, "manual", "owner")]


def test_what_is_to_be_sold_and_is_not_yet_is_naked(watch: Watch) -> None:
    watch.opened(held(exit_wanted="manual", exit_wanted_by="owner", busy=True))
    assert "may not have the sell" in (looks(watch.look(5))[1].naked_why or "")


def test_a_sell_that_the_broker_may_not_have_is_no_way_out(watch: Watch) -> None:
    watch.opened(held(leaving=True, busy=True, exit_wanted="manual", exit_wanted_by="owner"))
    sent = watch.look(5)
    assert closes(sent) == []
    assert "may not have the sell" in (looks(sent)[1].naked_why or "")


def test_a_buy_that_is_to_be_sold_is_closed_though_nothing_is_held_yet(watch: Watch) -> None:
    pending = held(
        status=TradeStatus.PENDING, shares=None, entry_price=None, busy=True,
        exit_wanted="manual", exit_wanted_by="owner",
    )  # fmt: skip
    sent = watch.opened(pending).look(5)
    assert closes(sent) == [(1, "manual", "owner")]
    assert looks(sent) == {}


def test_what_is_not_bought_yet_is_not_looked_at(watch: Watch) -> None:
    config = QUIET.having({"max_hold_duration_sec": 1})
    watch.opened(held(status=TradeStatus.PENDING, shares=None, entry_price=None), config=config)
    assert watch.look(60) == []


@pytest.mark.parametrize("over", [TradeStatus.CLOSED, TradeStatus.MISSED, TradeStatus.REJECTED])
def test_what_is_over_is_watched_no_more(watch: Watch, over: TradeStatus) -> None:
    watch.opened(held())
    watch.look(5)
    watch.changed(held(status=over, sold=dec("10")))
    assert watch.look(5) == []


# --- the market's hours ---------------------------------------------------------------------------


def test_while_the_market_is_closed_no_rule_sells_and_nothing_counts_as_naked(watch: Watch) -> None:
    config = QUIET.having({"max_hold_duration_sec": 1, "close_before_end_min": 390})
    watch.prices["ACME"] = "1"
    wanted = held(2, "KO", exit_wanted="time_exit", exit_wanted_by="monitor")
    watch.opened(held(1), wanted, config=config, market=CLOSED)
    watch.age_s = 61
    sent = watch.look(5)
    assert closes(sent) == []
    assert [look.naked_why for look in looks(sent).values()] == [None, None]


def test_what_a_person_wants_sold_is_handed_over_at_any_hour(watch: Watch) -> None:
    watch.opened(held(**WANTED), market=CLOSED)
    assert closes(watch.look(5)) == [(1, "manual", "owner")]


def test_when_the_market_opens_what_a_rule_wanted_is_sold(watch: Watch) -> None:
    watch.opened(held(exit_wanted="time_exit", exit_wanted_by="monitor"), market=CLOSED)
    assert closes(watch.look(5)) == []
    watch.clock.now = A_DAY.opens_at + timedelta(days=1)
    assert closes(watch.look()) == [(1, "time_exit", "monitor")]


def test_before_it_knows_the_market_nothing_is_sold_by_a_rule_and_it_says_so(watch: Watch) -> None:
    watch.prices["ACME"] = "1"
    sent = watch.opened(held(), market=None).look(5)
    assert closes(sent) == []
    assert looks(sent)[1].naked_why == "it is not known yet whether the market is open"


@pytest.mark.parametrize("hours", [6, 3], ids=["a whole day", "a half day"])
def test_at_the_end_of_the_day_by_the_brokers_clock_all_is_sold(watch: Watch, hours: int) -> None:
    config = QUIET.having({"close_before_end_min": 15})
    closes_at = NOW + timedelta(hours=hours)
    watch.opened(held(), config=config, market=None)
    ahead = timedelta(seconds=1000)  # ours is wrong by so much
    watch.tell(MarketTold(market=a_market(next_close=closes_at), ahead=ahead))
    watch.clock.now = closes_at - timedelta(minutes=15, milliseconds=1) + ahead
    watch.age_s = 1000
    assert closes(watch.look()) == []
    assert closes(watch.look(0.001)) == [(1, "force_close_eod", "monitor")]


def test_prices_have_their_age_by_the_brokers_clock(watch: Watch) -> None:
    watch.prices["ACME"] = "90"
    watch.opened(held(), market=None)
    watch.age_s = 1000  # by ours, which is ahead by so much
    watch.tell(MarketTold(market=OPEN, ahead=timedelta(seconds=1000)))
    assert closes(watch.look(1001)) == [(1, "hard_stop", "monitor")]


def test_before_it_knows_the_brokers_clock_no_price_counts(watch: Watch) -> None:
    watch.clock.now = later(-3600)  # ours is behind: a price of long ago looks fresh
    watch.opened(held(), market=None)
    assert looks(watch.look(5))[1].price is None
    assert watch.broker.calls("snapshots") == []


def test_a_step_of_our_clock_sells_nothing_too_early(watch: Watch) -> None:
    config = QUIET.having({"max_hold_duration_sec": 300, "close_before_end_min": 15})
    watch.opened(held(), config=config)
    watch.clock.jump(6 * 3600)
    watch.age_s = 6 * 3600
    assert closes(watch.look(250)) == []
    assert closes(watch.look(50)) == [(1, "time_exit", "monitor")]


def test_when_the_market_becomes_known_it_looks_at_once(watch: Watch) -> None:
    watch.opened(held(), market=None)
    watch.look(5)
    watch.tell(MarketTold(market=OPEN))
    assert watch.due() == 1


# --- shares that may have been split --------------------------------------------------------------


def test_what_may_have_been_split_is_sold_by_no_price(watch: Watch) -> None:
    watch.prices["ACME"] = "50"
    sent = watch.opened(held(doubtful=True)).look(5)
    assert closes(sent) == []
    assert looks(sent) == {
        1: Look(trade_id=1, naked_why="the account holds something else than the books explain")
    }
    config = QUIET.having({"max_hold_duration_sec": 1})
    watch.tell(ConfigTold(config=config))
    assert closes(watch.look(1)) == [(1, "time_exit", "monitor")]


# --- stops ----------------------------------------------------------------------------------------


def test_a_trade_whose_stop_is_out_of_step_is_protected_until_it_is(watch: Watch) -> None:
    watch.opened(held(in_step=False), held(2, "KO"))
    for _ in range(2):
        protect, looked = watch.look(5)
        assert protect == ProtectPosition(trade_id=1, symbol="ACME")
        assert looks([looked]).keys() == {1, 2}
    watch.changed(held(covered=dec("10")))
    assert looks(watch.look(5))[1].covered == 10


def test_what_is_to_be_sold_is_closed_and_not_protected(watch: Watch) -> None:
    watch.prices["KO"] = "1"
    watch.opened(held(in_step=False, **WANTED), held(2, "KO", in_step=False))
    sent = watch.look(5)
    assert [type(mail) for mail in sent] == [ClosePosition, ClosePosition, PositionsLooked]


def test_a_stop_is_placed_while_the_market_is_closed_too(watch: Watch) -> None:
    sent = watch.opened(held(in_step=False), market=CLOSED).look(5)
    assert [type(mail) for mail in sent] == [ProtectPosition, PositionsLooked]


def test_a_stop_that_has_nothing_left_to_sell_is_seen_to(watch: Watch) -> None:
    watch.opened(held(status=TradeStatus.CLOSING, taken=dec("10"), busy=True, in_step=False))
    assert watch.look(5) == [ProtectPosition(trade_id=1, symbol="ACME")]
