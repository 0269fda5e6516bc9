"""(a) a signal becomes a request, (b) many at once, (f) one while fills flood in.

Measured from when the receiver's answer is there (the signal is durable) to when the broker has read the last
byte of the order; in between lies the durable intent. A peer is measured from its call, and keeps nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks.child import Child
from benchmarks.pusher import Pusher
from benchmarks.report import Figure, Goal, percentile
from benchmarks.server import Server

LANES = 8
_ROUNDS = 5
_ORDERS_A_ROUND = 100
_WARM_UP = 50
_OFFERED = "Starfill, from the offer"
"""What the acceptance itself costs must not hide: where work moves before it, this figure stays."""
_BURST = 200
_BURST_ROUNDS = 3
_ANSWER_AFTER_S = 0.05
_FLOOD_ROUNDS = 3
_FLOOD_UPDATES = 30_000
_PRESSURE = 1.1
"""A flood comes in at so many times the rate at which fills are committed, so that it never ebbs."""


def bot(stack: ExitStack, server: Server, pusher: Pusher, key: str) -> Child:
    """Our side, in a process of its own."""
    return stack.enter_context(Child("benchmarks.bot", server.url, pusher.url, key))


def _waits(arrivals: Mapping[str, int], called: Mapping[str, int]) -> list[float]:
    """Microseconds from call to arrival."""
    return [(arrivals[order_id] - at) / 1e3 for order_id, at in called.items()]


def _in_turn(sides: Mapping[str, Child], server: Server) -> dict[str, list[list[float]]]:
    """Rounds of single orders, the sides taking turns; the waits of each side's rounds."""
    waits: dict[str, list[list[float]]] = {name: [] for name in (*sides, _OFFERED)}
    for side in sides.values():
        side.ask("one_by_one", first=0, count=_WARM_UP)
    server.arrivals()
    for number in range(_ROUNDS):
        for name, side in sides.items():
            first = _WARM_UP + number * _ORDERS_A_ROUND
            told = side.ask("one_by_one", first=first, count=_ORDERS_A_ROUND)
            arrivals = server.arrivals()
            waits[name].append(_waits(arrivals, told["called"]))
            if "offered" in told:
                waits[_OFFERED].append(_waits(arrivals, told["offered"]))
    return waits


def _of_rounds(rounds: list[list[float]], percent: int) -> float:
    """The median of the rounds' own percentiles."""
    return median(percentile(waits, percent) for waits in rounds)


def single(say: Callable[[str], None]) -> list[Figure]:
    """(a)"""
    say("a: signals one at a time")
    with Server() as server, Pusher() as pusher, ExitStack() as stack:
        sides = {
            "Starfill": bot(stack, server, pusher, "a"),
            "alpaca-py": stack.enter_context(Child("benchmarks.peers", "alpaca-orders", server.url)),
            "requests": stack.enter_context(Child("benchmarks.peers", "requests-orders", server.url)),
        }
        waits = _in_turn(sides, server)
    p50, p99 = ({name: _of_rounds(rounds, percent) for name, rounds in waits.items()} for percent in (50, 99))
    peer = "alpaca-py"
    return [
        _line("a", "Starfill: signal accepted -> order read, intent committed, p50", p50["Starfill"],
              Goal(ratio=p50["Starfill"] / p50[peer], limit=1.0, of="x alpaca-py")),
        _line("a", "… p99", p99["Starfill"],
              Goal(ratio=p99["Starfill"] / p99[peer], limit=2.0, of="x alpaca-py")),
        _line("a", "the same from the signal's offer (two commits), p50", p50[_OFFERED]),
        _line("a", "… p99", p99[_OFFERED]),
        _line("a", "alpaca-py submit_order: call -> order read, p50", p50[peer]),
        _line("a", "… p99", p99[peer]),
        _line("a", "requests.Session.post: call -> order read, p50", p50["requests"]),
        _line("a", "… p99", p99["requests"]),
    ]  # fmt: skip


def _line(section: str, what: str, value: float, *goals: Goal, unit: str = "us") -> Figure:
    return Figure(section=section, what=what, value=value, unit=unit, goals=goals)


def burst(say: Callable[[str], None]) -> list[Figure]:
    """(b) From the first signal's offer (the peer: its first call) until the last order was read."""
    say(f"b: {_BURST} signals at once, the broker answers after {_ANSWER_AFTER_S * 1e3:.0f} ms")
    seconds: dict[str, list[float]] = {"Starfill": [], "alpaca-py": []}
    with Server() as server, Pusher() as pusher, ExitStack() as stack:
        ours = bot(stack, server, pusher, "b")
        peer = stack.enter_context(Child("benchmarks.peers", "alpaca-orders", server.url))
        for side in (ours, peer):
            side.ask("burst", first=0, count=_WARM_UP)
        server.arrivals()
        server.delay(_ANSWER_AFTER_S)
        for number in range(_BURST_ROUNDS):
            turn = {"Starfill": ours} | ({"alpaca-py": peer} if number == 1 else {})
            for name, side in turn.items():
                begin = side.ask("burst", first=_WARM_UP + number * _BURST, count=_BURST)["begin"]
                arrivals = server.arrivals()
                assert len(arrivals) == _BURST
                seconds[name].append((max(arrivals.values()) - begin) / 1e9)
    us, them = median(seconds["Starfill"]), median(seconds["alpaca-py"])
    goal = Goal(ratio=them / us, limit=0.9 * LANES, at_least=True, of="x faster than the loop")
    return [
        _line("b", f"Starfill, {LANES} lanes: first signal -> order {_BURST} read", us, goal, unit="s"),
        _line("b", "alpaca-py submit_order in a loop, the same", them, unit="s"),
    ]


def flooded(say: Callable[[str], None]) -> list[Figure]:
    """(f) Idle and flooded rounds take turns on the same process."""
    say("f: signals one at a time, while fills flood in")
    waits: dict[str, list[list[float]]] = {"idle": [], "busy": [], "idle, offered": [], "busy, offered": []}
    with Server() as server, Pusher() as pusher, ExitStack() as stack:
        ours = bot(stack, server, pusher, "f")
        fills = _Fills(ours, pusher)
        ours.ask("one_by_one", first=0, count=_WARM_UP)
        rate = _PRESSURE * fills.capacity()
        server.arrivals()
        for number in range(1, _FLOOD_ROUNDS + 1):
            told = {"idle": ours.ask("one_by_one", first=number * 1000, count=_ORDERS_A_ROUND)}
            fills.start(rate)
            told["busy"] = ours.ask("during_flood", first=number * 1000 + 500, most=500)
            fills.end()
            arrivals = server.arrivals()
            for name, stamps in told.items():
                waits[name].append(_waits(arrivals, stamps["called"]))
                waits[f"{name}, offered"].append(_waits(arrivals, stamps["offered"]))
    return _flood_figures(rate, waits)


def _flood_figures(rate: float, waits: Mapping[str, list[list[float]]]) -> list[Figure]:
    p50, p99 = ({name: _of_rounds(rounds, percent) for name, rounds in waits.items()} for percent in (50, 99))
    offer = "busy, offered"
    return [
        _line("f", f"Starfill under {rate:,.0f} fills/s: signal accepted -> order read, p50", p50["busy"],
              Goal(ratio=p50["busy"] / p50["idle"], limit=3, of="x idle")),
        _line("f", "… p99", p99["busy"], Goal(ratio=p99["busy"] / p99["idle"], limit=10, of="x idle")),
        _line("f", "the same from the signal's offer, p50", p50[offer]),
        _line("f", "… p99", p99[offer]),
        _line("f", "idle: accepted -> read, p50", p50["idle"]),
        _line("f", "… p99", p99["idle"]),
        _line("f", "idle, from the offer, p50", p50["idle, offered"]),
        _line("f", "… p99", p99["idle, offered"]),
        _line("f", "signals measured under the flood", sum(map(len, waits["busy"])), unit=""),
    ]  # fmt: skip


class _Fills:
    """Floods of updates for orders that nobody else uses."""

    _FIRST = 100_000

    def __init__(self, ours: Child, pusher: Pusher) -> None:
        self._ours, self._pusher, self._next = ours, pusher, self._FIRST

    def start(self, rate: float) -> None:
        """Announce a flood and let it begin."""
        orders = _FLOOD_UPDATES // 2
        self._ours.ask("prepare", first=self._next, count=orders)
        self._ours.ask("expect", count=_FLOOD_UPDATES)
        self._pusher.tell("push", to="f", first=self._next, count=_FLOOD_UPDATES, rate=rate)
        self._next += orders

    def end(self) -> tuple[int, int]:
        """Wait until all is committed; when the first left, and when the last was committed."""
        sent: list[int] = self._pusher.answer()["sent"]
        heard: list[tuple[int, int]] = self._ours.ask("heard")["heard"]
        return sent[0], heard[-1][0]

    def capacity(self) -> float:
        """Updates a second that are committed when nothing else is to be done."""
        self.start(0)
        begin, end = self.end()
        return _FLOOD_UPDATES / ((end - begin) / 1e9)
