"""What the ledger knows of the market and the means, and whom it tells."""

from datetime import timedelta

import pytest

from actors.known_assets import KnownAssets
from actors.ledger_work import LedgerIdentity, Work
from domain.gate import ClockReading, GateFacts
from domain.market import Means
from domain.messages import BrokerSnapshot, MarketTold, StreamOpened
from domain.reconcile import BrokerPosition
from domain.values import Moment
from tests.actors.books import Books
from tests.actors.doubles import Outbox, peek
from tests.domain.builders import a_market, a_snapshot, dec, filled, later

MEANS = Means(buying_power=dec("20000"), equity=dec("5000"), cash=dec("5000"), read_at=later(1))
OPEN, CLOSED = a_market(), a_market(timestamp=later(30), is_open=False)


def told(outbox: Outbox) -> list[MarketTold]:
    return outbox.told.of(MarketTold)


@pytest.fixture
def news(books: Books) -> Outbox:
    outbox = Outbox()
    books.ledger.subscribe(outbox, MarketTold)
    return outbox


def test_nobody_is_told_of_a_market_that_was_not_read(books: Books, news: Outbox) -> None:
    books.tell(StreamOpened(generation=1), BrokerSnapshot(generation=1, snapshot=a_snapshot()))
    assert told(news) == []
    assert peek(books.ledger, "_market") is None


def test_whoever_subscribed_is_told_what_each_read_says_of_the_market(books: Books, news: Outbox) -> None:
    books.read(a_snapshot(market=OPEN))
    books.read(a_snapshot(market=CLOSED))
    assert told(news) == [MarketTold(market=OPEN), MarketTold(market=CLOSED)]


def test_what_has_not_changed_is_not_told_again(books: Books, news: Outbox) -> None:
    books.read(a_snapshot(market=OPEN))
    books.read(a_snapshot(market=a_market()))
    books.read(a_snapshot())
    books.tell(StreamOpened(generation=2))
    assert told(news) == [MarketTold(market=OPEN)]


def test_a_new_subscriber_is_told_at_once(books: Books) -> None:
    books.read(a_snapshot(market=OPEN))
    late, other = Outbox(), Outbox()
    books.ledger.subscribe(late, MarketTold)
    books.ledger.subscribe(other, BrokerSnapshot)
    books.settle()
    assert (told(late), other.told.all()) == ([MarketTold(market=OPEN)], [])


def test_with_the_market_it_is_told_how_far_our_clock_is_ahead(books: Books, news: Outbox) -> None:
    ahead = timedelta(seconds=12)
    clock = ClockReading(ahead=ahead, at=books.clock.now, monotonic=books.clock.monotonic())
    books.read(a_snapshot(market=OPEN, clock=clock))
    late = Outbox()
    books.ledger.subscribe(late, MarketTold)
    books.settle()
    assert told(news) == told(late) == [MarketTold(market=OPEN, ahead=ahead)]


def test_the_means_are_those_of_the_last_read(books: Books) -> None:
    poorer = MEANS.having({"buying_power": dec("19900")})
    known = []
    for means in (MEANS, poorer, None):
        books.read(a_snapshot(market=OPEN, means=means))
        books.tell(StreamOpened(generation=1))  # a unit that reads nothing changes nothing
        known.append(peek(books.ledger, "_means"))
    assert known == [MEANS, poorer, None]


@pytest.mark.parametrize(("ahead_s", "market_s"), [(None, 100), (0, 100), (12, 88), (-12, 112)])
def test_the_time_that_the_market_goes_by_is_the_brokers(
    books: Books, ahead_s: int | None, market_s: int
) -> None:
    clock = None
    if ahead_s is not None:
        clock = ClockReading(ahead=timedelta(seconds=ahead_s), at=later(90), monotonic=timedelta())
    with books.store.unit() as unit:
        work = Work(
            unit=unit,
            moment=Moment(later(100), timedelta(seconds=10)),
            identity=LedgerIdentity(account_id="account-1", code_version="1"),
            gate=GateFacts(clock=clock),
            halts=books.halt_file,
            suspicions={},
            vanished=frozenset(),
            market=OPEN,
            means=None,
            assets=KnownAssets(),
        )
        assert (work.now, work.market_now()) == (later(100), later(market_s))


def test_what_the_account_is_worth_is_kept_beside_trades_of_fractions(books: Books) -> None:
    books.open_gate()
    ticket = books.accept()
    books.hear(filled("7.123456789", "13.123456789", client_order_id=ticket.client_order_id))
    books.read(a_snapshot(means=MEANS, positions=(BrokerPosition(symbol="ACME", qty=dec("7.123456789")),)))
    [sample] = books.rows("SELECT equity, exposure FROM equity_sample ORDER BY at DESC LIMIT 1")
    assert sample == ("5000", "93.48")
