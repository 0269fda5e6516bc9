"""The course of the day: its signals, the prices they move, and what its owner does in between. Pure, seeded.

Each signal has a story that its symbol's price follows from then on: the news was good, or too good to be
true, or nobody cared. Around the stories every price wanders a little from minute to minute.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, islice
from random import Random
from typing import Any, Final

from cli.day.plan import CloseTrade, DayEvent, DayPlan, OwnOrder, SellByHand, SendSignal
from domain.values import CENT

SOURCE: Final = "demo-day"
SYMBOLS: Final = [
    "AAPL",
    "AMD",
    "AMGN",
    "AMZN",
    "AVGO",
    "BA",
    "BAC",
    "BIIB",
    "BMY",
    "C",
    "CAT",
    "COST",
    "CRM",
    "CSCO",
    "CVX",
    "DIS",
    "EBAY",
    "F",
    "FDX",
    "GE",
    "GILD",
    "GM",
    "GOOG",
    "HD",
    "IBM",
    "INTC",
    "JNJ",
    "JPM",
    "KO",
    "LOW",
    "LUV",
    "MCD",
    "MMM",
    "MRK",
    "MRNA",
    "MSFT",
    "MU",
    "NFLX",
    "NKE",
    "NVDA",
    "ORCL",
    "PEP",
    "PFE",
    "PG",
    "PYPL",
    "QCOM",
    "REGN",
    "SBUX",
    "SO",
    "T",
    "TGT",
    "TSLA",
    "UAL",
    "UPS",
    "V",
    "VRTX",
    "VZ",
    "WFC",
    "WMT",
    "XOM",
]
CATEGORIES: Final = ("Earnings", "FDA approval", "Merger", "Guidance", "Contract", "Clinical trial")

Story = tuple[tuple[int, str], ...]
"""Seconds after the signal, and by what the price is multiplied then."""
STORIES: Final[Mapping[str, Story]] = {
    "runs": ((60, "1.012"), (150, "1.02"), (240, "1.025")),
    "turns": ((60, "1.015"), (140, "1.02"), (260, "0.975")),
    "crashes": ((90, "0.985"), (160, "0.94")),
    "drifts": (),
}
WEIGHTS: Final = (20, 24, 22, 34)
OLD_NEWS: Final = 16
"""Of so many signals one comes when the price has moved away already."""
EVERY_S: Final = 60
"""A price wanders once in so many seconds."""
WANDERS: Final = 15
"""By so many hundredths of a percent at most."""
MINUTE: Final = 60

BEHAVIOURS: Final = {"GEVO": "not_fractionable", "NVR": "not_fractionable"}
PRICES: Final = {"OCGN": "8.40", "GEVO": "3.15", "NVR": "310", "LLY": "640", "PARTS": "42"}
"""Where these begin; the others anywhere from 4 to 300."""
ODDITIES: Final = ("OCGN", "GEVO", "NVR", "LLY", "PARTS", "GME", "NOTRD", "NOBUY", "REJCT", "ZZZZQX")
"""Sold in whole shares only, too dear for that, too dear at all, in three parts, denied, not traded, without
buying power, taken and then rejected, unknown."""
HALTED: Final = "SAVA"
MISSING: Final = "PPRW"
STALE: Final = {"NKLA": 30, "RIDE": 55, "WKHS": 75}
"""And when, in percent of the session: limits may refuse one, so there are several."""


@dataclass(frozen=True)
class Course:
    """All of it."""

    events: tuple[DayEvent, ...]
    """In the order of their times."""
    prices: Mapping[str, Any]
    """Scripts of prices as the simulator takes them, from the day's start on."""
    behaviours: Mapping[str, str]


@dataclass
class _Symbol:
    """What moves one symbol's price, and when it looks otherwise than it should."""

    start: Decimal
    moves: list[tuple[int, Decimal]] = field(default_factory=list)
    odd: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    """From, until, and the scene's flags."""

    def price_at(self, at_s: int) -> Decimal:
        price = self.start
        for when, by in self.moves:
            if when <= at_s:
                price *= by
        return max(CENT, price.quantize(CENT))

    def script(self) -> dict[str, Any]:
        times = sorted({0, *(when for when, _ in self.moves), *chain(*((a, b) for a, b, _ in self.odd))})
        moves, price = sorted(self.moves), self.start
        scenes: list[dict[str, Any]] = []
        for at_s in times:
            while moves and moves[0][0] <= at_s:
                price *= moves.pop(0)[1]
            flags = {name: v for a, b, odd in self.odd if a <= at_s < b for name, v in odd.items()}
            scenes.append({"at_s": at_s, "price": str(max(CENT, price.quantize(CENT))), **flags})
        return {"script": scenes}


def course_of(plan: DayPlan) -> Course:
    """The day that this plan is."""
    rng = Random(f"{plan.seed}/{plan.day}/{plan.signals}")  # noqa: S311 - a play, no secret
    symbols: dict[str, _Symbol] = defaultdict(lambda: _Symbol(_first_price(rng)))
    symbols |= {name: _Symbol(Decimal(price)) for name, price in PRICES.items()}
    calls = sorted(islice(_calls(plan, rng), plan.signals), key=lambda call: call[0])
    for at_s, name, story in calls:
        symbols[name].moves += [(at_s + after, Decimal(by)) for after, by in STORIES[story]]
    for symbol in symbols.values():
        symbol.moves += [
            (at_s, 1 + Decimal(rng.randint(-WANDERS, WANDERS)) / 10_000)
            for at_s in range(EVERY_S, plan.ends_s, EVERY_S)
        ]
    _trouble(plan, symbols)
    signals = [_signal(n, call, symbols[call[1]], plan, rng) for n, call in enumerate(calls)]
    return Course(
        events=tuple(sorted((*signals, *_owner(plan)), key=lambda event: event.at_s)),
        prices={name: symbol.script() for name, symbol in symbols.items()},
        behaviours=BEHAVIOURS,
    )


def _first_price(rng: Random) -> Decimal:
    return (Decimal(4) * Decimal(rng.randint(100, 7500)) / 100).quantize(CENT)


Call = tuple[int, str, str]
"""When, which symbol, which story."""


def _calls(plan: DayPlan, rng: Random) -> Iterator[Call]:
    """When the signals come: some too early, some too late, a volley, and more in the morning than later."""
    span, n = plan.closes_s - plan.opens_s, plan.signals
    odd = list(_odd_calls(plan))[: n // 2]
    yield from odd
    early, late, volley = max(1, n // 50), max(1, n // 60), n // 50
    times = [rng.randrange(plan.opens_s) for _ in range(early)]
    times += [plan.closes_s + rng.randrange(1, 500) for _ in range(late)]
    times += [plan.opens_s + span // 5 + rng.randrange(45) for _ in range(volley)]
    rest = n - len(odd) - len(times)
    times += [plan.opens_s + int(span * rng.random() ** 1.25) for _ in range(rest)]
    for at_s in times:
        yield at_s, rng.choice(SYMBOLS), rng.choices(tuple(STORIES), WEIGHTS)[0]


def _odd_calls(plan: DayPlan) -> Iterator[Call]:
    """Symbols with something about them; and what is bought so late that the day's end sells it."""
    span = plan.closes_s - plan.opens_s
    eve = plan.closes_s - 15 * MINUTE
    yield eve - 3 * MINUTE, "CLX", "drifts"
    yield eve - 4 * MINUTE, "HSY", "drifts"
    for name, percent in STALE.items():
        yield plan.opens_s + span * percent // 100, name, "drifts"
    yield plan.opens_s + span * 4 // 10, HALTED, "drifts"
    yield plan.opens_s + span * 6 // 10, HALTED, "drifts"
    yield plan.opens_s + span // 2, MISSING, "drifts"
    for number, name in enumerate(ODDITIES):
        yield plan.opens_s + span * (2 * number + 3) // (2 * len(ODDITIES) + 8), name, "drifts"


def _trouble(plan: DayPlan, symbols: Mapping[str, _Symbol]) -> None:
    """Old prices under open trades, a halt under another, a halt that a buy comes into, and no data."""
    span = plan.closes_s - plan.opens_s
    for name, percent in STALE.items():
        bought = plan.opens_s + span * percent // 100
        symbols[name].odd.append((bought + 60, bought + 780, {"stale_s": 300}))
    first, second = (plan.opens_s + span * tenth // 10 for tenth in (4, 6))
    symbols[HALTED].odd.append((first + 240, first + 1500, {"halted": True}))
    symbols[HALTED].odd.append((second - 30, second + 120, {"halted": True}))
    symbols[MISSING].odd.append((0, plan.ends_s, {"missing": True}))


def _owner(plan: DayPlan) -> Iterable[DayEvent]:
    """What the account's owner does by hand, in shares of their own and in the bot's."""
    span = plan.closes_s - plan.opens_s

    def at(percent: int) -> int:
        return plan.opens_s + span * percent // 100

    return (
        OwnOrder(at_s=at(4), symbol="KO", side="buy", qty="12"),
        OwnOrder(at_s=at(8), symbol="AAPL", side="buy", qty="2.5"),
        CloseTrade(at_s=at(24), refused=True),
        SellByHand(at_s=at(44)),
        OwnOrder(at_s=at(52), symbol="KO", side="sell", qty="5"),
        CloseTrade(at_s=at(66)),
        OwnOrder(at_s=at(84), symbol="AAPL", side="sell", qty="2.5"),
    )


def _signal(number: int, call: Call, symbol: _Symbol, plan: DayPlan, rng: Random) -> SendSignal:
    at_s, name, _ = call
    tier = rng.choices((1, 2, 3, 4), (30, 25, 37, 8))[0]
    confidence = rng.choices(("high", "medium", "low", None), (40, 30, 20, 10))[0]
    price = symbol.price_at(at_s)
    if name in SYMBOLS and not rng.randrange(OLD_NEWS):
        price = (price * Decimal("0.92")).quantize(CENT)
    patient = at_s < plan.opens_s and number % 2
    return SendSignal(
        at_s=at_s,
        fields={
            "signal_id": f"{plan.day:%Y%m%d}-{number:03d}",
            "source": SOURCE,
            "symbol": name,
            "catalyst_tier": 1 if name not in SYMBOLS else tier,
            "ai_confidence": "high" if name not in SYMBOLS else confidence,
            "catalyst_category": rng.choice(CATEGORIES),
            "price_at_signal": str(price),
            "ttl_s": 1800 if patient else 300,
        },
    )
