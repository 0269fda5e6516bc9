"""Deals work out to the lanes, which send the orders.

In:  ExecuteSignal (from the receiver), ResendOrder | CancelOrder (from the ledger),
     ClosePosition | ProtectPosition (from the monitor), Free (from a lane)
Out: the same work -> a lane

A symbol with work in hand stays on its lane, so its orders never overtake each other; a free symbol
goes to the lane with the least to do.
"""

from collections.abc import Sequence

from actors.base import Mailbox, OnDeath, Worker
from actors.lane import Free, LaneMail, Serve, Work, key_of, symbol_of
from domain.messages import ExecutorMail


class OrderExecutor(Worker[ExecutorMail | Free]):
    def __init__(self, *, lanes: Sequence[Mailbox[LaneMail]], on_death: OnDeath) -> None:
        super().__init__(on_death=on_death)
        self._lanes = lanes
        self._load = [0] * len(lanes)
        self._in_hand: dict[str, tuple[str, int]] = {}
        """Work that a lane has: its key -> (symbol, lane)."""
        self._symbols: dict[str, list[int]] = {}
        """Symbols with work in hand -> [lane, how many pieces]."""

    def setup(self) -> None:
        for lane in self._lanes:
            lane.send(Serve(self.address))

    def receive(self, mail: ExecutorMail | Free) -> None:
        match mail:
            case Free():
                self._release(mail.key)
            case _:
                self._deal(mail)

    def _deal(self, work: Work) -> None:
        key, symbol = key_of(work), symbol_of(work)
        if key in self._in_hand:
            return
        seat = self._symbols.setdefault(symbol, [min(range(len(self._load)), key=self._load.__getitem__), 0])
        lane = seat[0]
        seat[1] += 1
        self._load[lane] += 1
        self._in_hand[key] = (symbol, lane)
        self._lanes[lane].send(work)

    def _release(self, key: str) -> None:
        symbol, lane = self._in_hand.pop(key)
        self._load[lane] -= 1
        seat = self._symbols[symbol]
        seat[1] -= 1
        if not seat[1]:
            del self._symbols[symbol]
