"""Whatever happens to buys, sells, stops, words, processes and the owner's hands: nothing is sold twice, the
owner's shares stay his, and in the end all that was bought is sold.

A seed plays lanes, monitor, reconciler, broker and owner around a real ledger, and each step is checked.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, note, settings
from hypothesis import strategies as st

from domain.messages import (
    CancelOrder,
    OrderAccepted,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrdersUpdated,
    OrderUnresolved,
    Planned,
    ResendOrder,
    StreamOpened,
)
from domain.orders import Life, OrderRecord, OrderTicket
from domain.trades import OCCUPYING, TradeRecord, TradeStatus, in_play
from tests.actors.books import Books
from tests.actors.desk import Desk
from tests.actors.doubles import ManualClock, Stage
from tests.actors.venue import PRICES, Venue, VenueOrder
from tests.domain.builders import a_signal

STEPS: Final = 60
ROUNDED: Final = Decimal("1e-7")
"""The broker tells average prices with nine decimals."""
LOST: Final = ["answer lost", "request lost"]
FATES: Final = [*["answered"] * 3, *LOST, "not sent", "crash before", "crash after"]
"""What may become of a POST."""
HOWS: Final = ["once", "once", "twice", "never", "all", "all at once"]
REASONS: Final = [("manual", "owner"), ("hard_stop", "monitor"), ("time_exit", "monitor")]


class World:
    def __init__(self, folder: Path, stage: Stage, chance: Random) -> None:
        self.chance, self.clock = chance, ManualClock()
        self.books = Books(folder, stage, self.clock)
        self.signals = 0
        self.waiting: list[str] = []
        """Orders that a lane holds back, as no POST of them has left."""
        self.cancels: list[str] = []
        self.resends: list[str] = []
        self.taken_up = 0
        self.eager = chance.choice([0.2, 1, 3])
        """To sell: what is to be sold has no stop any more."""
        own = chance.choice([0, 4, 40, 40])  # with many, a share sold twice is theirs and no refusal stops it
        self.venue = Venue(own)
        self.desk = Desk(self.books, account=str(own))
        self.desk.configure(protective_stop=chance.random() < 0.8)
        self.buy("answered")
        if filled := chance.choice([10, 10, 3, 0]):
            self.venue.fill(self.venue.open_orders[0], Decimal(filled), PRICES[0])
            self.hear_all()
            self.read()

    def step(self) -> str:
        """One thing happens, and is told of."""
        acts: dict[str, tuple[Callable[[], object], float, object]] = {
            "buy": (self.buy, 2, self.signals < 3 and not self.occupying()),
            "close": (self.close, self.eager, self.occupying()),
            "protect": (self.protect, 2, self.occupying()),
            "work on": (self.work_on, 4, self.resends or self.waiting or self.cancels),
            "execute": (self.execute, 3, self.venue.open_orders),
            "stream": (self.stream, 4, self.venue.words),
            "read": (self.read, 1, True),
            "look up": (self.look_up, 2, self.unheard()),
            "owner": (self.owner, 0.7, True),
            "time": (lambda: self.clock.move(self.chance.choice([1, 10, 100, 400])), 1, True),
            "restart": (self.restart, 0.5, True),
        }
        names = [name for name, (_, _, may_be) in acts.items() if may_be]
        [name] = self.chance.choices(names, [acts[name][1] for name in names])
        acts[name][0]()
        self.take_up()
        return name

    def take_up(self) -> None:
        """What the ledger has asked of the executor since."""
        mail = self.desk.news.told.all()
        for each in mail[self.taken_up :]:
            if isinstance(each, CancelOrder) and each.client_order_id not in self.cancels:
                self.cancels.append(each.client_order_id)
            elif isinstance(each, ResendOrder) and each.client_order_id not in self.resends:
                self.resends.append(each.client_order_id)
        self.taken_up = len(mail)

    # --- the lanes --------------------------------------------------------------------------------

    def send(self, ticket: OrderTicket, fate: str | None = None) -> None:
        cid, fate = ticket.client_order_id, fate or self.chance.choice(FATES)
        if fate == "not sent":
            self.books.tell(OrderNotSent(client_order_id=cid, why="connection refused"))
            self.waiting.append(cid)
            return
        came = "lost" if fate in {"request lost", "crash before"} else self.venue.post(ticket)
        if fate.startswith("crash"):
            self.restart()
        elif came == "taken" and fate == "answered":
            self.books.tell(OrderAccepted(update=self.venue.word(self.venue.orders[cid])))
        elif came == "refused" and fate == "answered":
            self.books.tell(OrderRejected(client_order_id=cid, reason="insufficient qty"))
        else:
            self.books.tell(OrderUnresolved(client_order_id=cid, why=f"{fate}: {came}"))

    def buy(self, fate: str | None = None) -> None:
        self.signals += 1
        signal = a_signal(signal_id=f"s-{self.signals}", ttl_s=3000, issued_at=self.clock.now)
        self.books.record(signal)
        answer = self.books.plan(signal)
        if isinstance(answer, Planned):
            self.send(answer.order, fate)

    def close(self) -> None:
        reason, by = self.chance.choice(REASONS)
        seen = self.chance.choice([None, self.venue.account])
        trade = self.chance.choice(self.occupying())
        answer = self.desk.exit(reason, by=by, trade_id=trade.id, position_qty=seen)
        if isinstance(answer, Planned):
            self.send(answer.order)

    def protect(self) -> None:
        answer = self.desk.stop(self.chance.choice(self.occupying()).id)
        if isinstance(answer, Planned):
            self.send(answer.order)

    def work_on(self) -> None:
        """What the ledger has asked for, and what a lane has held back."""
        kinds = {"resend": self.resends, "waiting": self.waiting, "cancel": self.cancels}
        kind = self.chance.choice([kind for kind, cids in kinds.items() if cids])
        cid = self.chance.choice(kinds[kind])
        if kind == "cancel":
            self.cancel(cid)
        else:
            kinds[kind].remove(cid)
            self.send_again(cid, never_sent=kind == "waiting")

    def send_again(self, cid: str, *, never_sent: bool = False, fate: str | None = None) -> None:
        answer = self.books.plan_again(cid, never_sent=never_sent)
        if isinstance(answer, Planned):
            self.send(answer.order, fate)

    def cancel(self, cid: str) -> None:
        self.cancels.remove(cid)
        order = self.venue.orders[cid]
        if order.is_open:
            self.venue.end(order, "canceled")
        else:
            self.books.hear(self.venue.word(order))

    # --- the broker and its stream ----------------------------------------------------------------

    def execute(self) -> None:
        """An order is filled, in part or whole, or its day ends."""
        order, part = self.chance.choice(self.venue.open_orders), self.chance.choice([0, 1, 3, 10, 10])
        if part:
            self.venue.fill(order, min(order.left, Decimal(part)), self.chance.choice(PRICES))
        else:
            self.venue.end(order, "expired")

    def stream(self) -> None:
        """A word comes through, perhaps twice, or is lost; or all do."""
        word, how = self.chance.choice(self.venue.words), self.chance.choice(HOWS)
        if how == "all at once":
            words, self.venue.words = tuple(self.venue.words), []
            self.books.tell(OrdersUpdated(updates=words))
        elif how == "all":
            self.hear_all()
        else:
            if how != "never":
                self.books.hear(word)
            if how != "twice":
                self.venue.words.remove(word)

    def hear_all(self) -> None:
        words, self.venue.words = self.venue.words, []
        self.books.hear(*words)

    # --- the reconciler ---------------------------------------------------------------------------

    def read(self) -> None:
        self.books.read(self.venue.read())

    def look_up(self) -> None:
        self.answer_for(self.chance.choice(self.unheard()))

    def answer_for(self, record: OrderRecord) -> None:
        order = self.venue.orders.get(record.client_order_id)
        if order is not None:
            self.books.hear(self.venue.word(order))
        elif record.life in {Life.INTENDED, Life.UNRESOLVED}:
            self.books.tell(OrderNotFound(client_order_id=record.client_order_id))

    # --- the owner, and time ----------------------------------------------------------------------

    def owner(self) -> None:
        qty, price = Decimal(self.chance.choice([1, 4, 10])), self.chance.choice(PRICES)
        match self.chance.choice(["sells", "buys", "flattens", "sets stops"]):
            case "sells" if self.venue.free >= 1:
                self.venue.by_hand("sell", min(qty, self.venue.free), price)
            case "buys":
                self.venue.by_hand("buy", qty, price)
            case "flattens":
                self.desk.request("all", reason="flatten")
            case "sets stops":
                self.desk.configure(protective_stop=self.chance.random() < 0.8)

    def restart(self) -> None:
        self.desk.restart()
        self.take_up()
        self.waiting, self.cancels, self.resends = [], [], []  # what was in hand died with the process
        self.books.tell(StreamOpened(generation=1))

    # --- what must hold ---------------------------------------------------------------------------

    def nothing_is_sold_that_was_not_bought(self) -> None:
        for trade in self.trades():
            bought = self.truly(trade, "buy", lambda order: order.filled)
            sold = self.truly(trade, "sell", lambda order: order.filled)
            may_be_sold = self.truly(trade, "sell", lambda order: order.left if order.is_open else Decimal())
            assert sold + may_be_sold <= bought, "the owner's shares are being sold"
            assert trade.left >= 0
        assert self.venue.account >= 0

    def one_sale_at_a_time(self) -> None:
        for trade in self.trades():
            live = [order for order in in_play(self.orders(trade)) if order.leg == "exit"]
            assert len(live) <= 1
            at_venue = [o for o in self.ours(trade) if o.is_open and o.ticket and o.ticket.leg == "exit"]
            assert len(at_venue) <= 1

    def what_is_closed_holds_nothing_and_can_sell_nothing(self) -> None:
        for trade in self.trades():
            if trade.status is TradeStatus.CLOSED:
                assert (trade.held, in_play(self.orders(trade))) == (Decimal(), [])
                if trade.pnl is not None and not trade.taken:
                    assert abs(trade.pnl - self.earned(trade)) <= ROUNDED

    def the_books_add_up(self) -> None:
        self.books.believed()  # checks itself against a recount
        assert self.books.halts() == []

    # --- in the end -------------------------------------------------------------------------------

    def all_comes_to_an_end(self) -> None:
        """The faults stop, and everything is to be sold: in two hours nothing of ours is left."""
        self.desk.request("all", reason="flatten")
        for _ in range(24):
            self.a_quiet_round()
            if not self.occupying():
                break
        assert not self.occupying(), [(trade, self.orders(trade)) for trade in self.occupying()]
        self.nothing_is_sold_that_was_not_bought()
        self.what_is_closed_holds_nothing_and_can_sell_nothing()
        assert self.books.believed().get("ACME", Decimal()) == self.venue.account
        assert not self.venue.open_orders
        taken = sum((trade.taken for trade in self.trades()), Decimal())
        assert self.kept_for_the_owner() == taken <= self.venue.most_taken

    def kept_for_the_owner(self) -> Decimal:
        """What was bought for our trades and not sold by them: their owner had sold as much by hand."""
        return sum(
            (
                self.truly(trade, "buy", lambda o: o.filled) - self.truly(trade, "sell", lambda o: o.filled)
                for trade in self.trades()
            ),
            Decimal(),
        )

    def a_quiet_round(self) -> None:
        """Every word is heard, every question answered, every order sent, every cancel and sell done."""
        self.clock.move(310)
        self.hear_all()
        self.read()
        for record in self.unheard():
            self.answer_for(record)
        self.waiting = []
        for trade in self.occupying():
            self.desk.stop(trade.id)
            self.close_now(trade)
        self.take_up()
        resends, self.resends = self.resends, []
        for cid in resends:
            self.send_again(cid, fate="answered")
        for cid in [*self.cancels]:
            self.cancel(cid)
        for order in self.venue.open_orders:
            if order.ticket is not None and order.ticket.leg == "exit":
                self.venue.fill(order, order.left, PRICES[0])
        self.hear_all()

    def close_now(self, trade: TradeRecord) -> None:
        answer = self.desk.exit("flatten", trade_id=trade.id, position_qty=self.venue.account)
        if isinstance(answer, Planned):
            self.send(answer.order, "answered")

    # --- looking ----------------------------------------------------------------------------------

    def trades(self) -> list[TradeRecord]:
        return self.books.trades()

    def occupying(self) -> list[TradeRecord]:
        return [trade for trade in self.trades() if trade.status in OCCUPYING]

    def unheard(self) -> list[OrderRecord]:
        return [order for order in self.books.unsettled().orders if order.broker_order_id is None]

    def orders(self, trade: TradeRecord) -> tuple[OrderRecord, ...]:
        with self.books.store.unit() as unit:
            return unit.orders_of([trade.id])[trade.id]

    def ours(self, trade: TradeRecord) -> list[VenueOrder]:
        names = [order.client_order_id for order in self.orders(trade)]
        return [self.venue.orders[name] for name in names if name in self.venue.orders]

    def truly(self, trade: TradeRecord, side: str, of: Callable[[VenueOrder], Decimal]) -> Decimal:
        return sum((of(order) for order in self.ours(trade) if order.side == side), Decimal())

    def earned(self, trade: TradeRecord) -> Decimal:
        got = self.truly(trade, "sell", lambda order: order.dollars)
        return got - self.truly(trade, "buy", lambda order: order.dollars)

    def check(self) -> None:
        self.nothing_is_sold_that_was_not_bought()
        self.one_sale_at_a_time()
        self.what_is_closed_holds_nothing_and_can_sell_nothing()
        self.the_books_add_up()


@contextmanager
def world(seed: int) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        stage = Stage()
        it = World(Path(folder), stage, Random(seed))
        try:
            yield it
        finally:
            stage.close()
            it.books.close()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_happens_what_was_bought_is_sold_once_and_nothing_else(seed: int) -> None:
    with world(seed) as it:
        for number in range(STEPS):
            note(f"{number}: {it.step()}")
            it.check()
        it.all_comes_to_an_end()
