"""The two people who have a hand in it: the operator of the bot, and the owner of the account."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from domain.messages import ClearHalts, HaltsChanged, HaltTrading
from tests.seeded.fate import Fate
from tests.seeded.mail import SeededMailbox
from tests.seeded.venue import Venue
from tests.seeded.virtual import VirtualTime


class Operator:
    """Halts, and some time later clears what he has halted; asks again until he is told."""

    def __init__(
        self,
        time: VirtualTime,
        fate: Fate,
        *,
        ledger: Callable[[], SeededMailbox | None],
        note: Callable[[str], None],
    ) -> None:
        self._time = time
        self._fate = fate
        self._ledger = ledger
        self._note = note
        self._to_clear: set[str] = set()
        self.stopped: set[str] = set()
        """Scopes whose halt he was told of, and has not asked to be cleared."""

    def halt(self, scope: str) -> None:
        ledger = self._ledger()
        if ledger is None:
            return
        self._to_clear.add(scope)
        halt = HaltTrading(scope=scope, reason="by order", by="operator")
        ledger.ask_later(halt, lambda answer: self._halted(scope, answer))
        self._time.later(self._fate.between(5, 60), lambda: self.clear(scope))

    def clear(self, scope: str) -> None:
        self.stopped.discard(scope)
        if scope not in self._to_clear:
            return
        ledger = self._ledger()
        if ledger is not None:
            clear = ClearHalts(scope=scope, reason="looked at it", by="operator")
            ledger.ask_later(clear, lambda answer: self._cleared(scope, answer))
        self._time.later(5, lambda: self.clear(scope))

    def clear_all(self) -> None:
        """Whatever he has halted."""
        for scope in sorted(self._to_clear):
            self.clear(scope)

    def _halted(self, scope: str, answer: object) -> None:
        if isinstance(answer, HaltsChanged) and scope in self._to_clear:
            self._note(f"HALTED {scope}")
            self.stopped.add(scope)

    def _cleared(self, scope: str, answer: object) -> None:
        if isinstance(answer, HaltsChanged):
            self._note(f"CLEARED {scope}")
            self._to_clear.discard(scope)


class Owner:
    """Trades the same symbols with another program: his own shares only."""

    def __init__(self, venue: Venue, fate: Fate) -> None:
        self._venue = venue
        self._fate = fate

    def begin(self, symbols: Sequence[str]) -> None:
        """Have bought some long before the beginning, and some just before it."""
        for symbol in symbols:
            if symbol != "NOBUY" and self._fate.chance(0.4):
                self._venue.owner_held(symbol, self._some(20), self._fate.one_of((3600, 3600, 3600, 30)))

    def trade(self, symbol: str) -> None:
        own, fate = self._venue.owners_shares(symbol), self._fate
        if own > 0 and fate.chance(0.5):
            self._venue.owner_trades(symbol, "sell", fate.one_of((own, min(own, self._some(5)))))
        else:
            self._venue.owner_trades(symbol, "buy", self._some(10))

    def split(self, symbol: str) -> None:
        """Not his doing: the company's."""
        self._venue.split(symbol, Decimal(self._fate.one_of(("0.5", "2", "3"))))

    def _some(self, most: int) -> Decimal:
        return Decimal(self._fate.random.randint(1, most))
