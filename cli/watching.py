"""What watches the bot from inside: alarms and the sign of life, on threads beside the actors."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from typing import Final

from actor_tree import Parts
from cli.startup import CannotStart
from domain.rules import Gate
from domain.signals import decimal_text
from domain.trades import TradeRecord
from domain.values import CENT, ZERO
from persistence.queries import JournalQueries, Queries
from settings import AlarmSettings, Exit, Settings
from watch.alarms import Alarms, Wanted
from watch.bookmark import Bookmark
from watch.channel import Pace
from watch.deadman import SignOfLife
from watch.kinds import Kind, switched
from watch.life import Life, Names
from watch.looking import Look, Naked
from watch.seen import AlarmsSeen, DeadmanSeen
from watch.services import NoService, secrets_of, services
from watch.tail import Follower, Tail
from watch.telling import Intent, Teller

STOP_S: Final = 2.0
"""So long a stop waits for the last alarms to be taken."""
SILENT_S: Final = 15.0
"""Without a turn of the supervisor at which all is well, it is not."""
MOST_NAKED: Final = 100


class Wellness:
    """Whether all is well, as the supervisor's turns tell. Any thread."""

    def __init__(self, gate: Callable[[], Gate], gate_s: int, then: Callable[[float], None]) -> None:
        """`then` is told of each good turn too."""
        self._gate = gate
        self._gate_s = gate_s
        self._then = then
        self._turned: float | None = None
        self._shut_since: float | None = None

    def all_well(self, oldest_pong_s: float) -> None:
        """Every actor answers; told at each turn, by the supervisor."""
        now = time.monotonic()
        self._turned = now
        self._shut_since = None if self._gate().open else self._shut_since or now
        self._then(oldest_pong_s)

    def why_not(self) -> str | None:
        """Why all is not well; None: it is. A gate that was closed for a moment is no matter."""
        now = time.monotonic()
        if self._turned is None or now - self._turned > SILENT_S:
            return "not every part of Starfill answers"
        if self._shut_since is not None and now - self._shut_since > self._gate_s:
            return f"nothing can be bought: {self._gate().reason}"
        return None


class Watching:
    """All of it. `begin` it once the bot serves."""

    def __init__(
        self,
        parts: Parts,
        *,
        wellness: Wellness,
        followers: tuple[Follower, ...] = (),
        pace: Pace | None = None,
    ) -> None:
        """Raises CannotStart for settings that cannot be used."""
        told = parts.settings.alarms
        self._parts = parts
        self._queries = Queries(parts.store)
        self._sign = sign_of_life(told, parts, wellness)
        journal = JournalQueries(parts.store)
        self.alarms = Alarms(
            wanted(parts.settings, pace or Pace()),
            teller=Teller(intents_in(journal)),
            look=self._look,
            bookmark=Bookmark(parts.settings.state_dir, parts.settings.database),
            clock=parts.time.clock,
            deadman=lambda: DeadmanSeen() if self._sign is None else self._sign.seen(),
        )
        life = Life(find_order=intents_in(journal), find_trade=self._trade)
        self._tail = Tail(journal, (life, self.alarms, *followers))

    def begin(self, stack: ExitStack) -> None:
        """Follow from now on, until the stack's end."""
        self._tail.start()
        self._parts.state.listen(self._tail.tell)
        stack.callback(self._end)
        unclean = " The run before it did not end as it should." if self._parts.after_failure else ""
        self.alarms.say(Kind.RESTART, f"Starfill {version('starfill')} has started.{unclean}")
        if self._sign is not None:
            self._sign.start()
            stack.callback(self._sign.close)

    def ends(self, how: str) -> None:
        """The bot is about to end."""
        self.alarms.say(
            Kind.RESTART, f"Starfill stops: {how}. Until it runs again nobody watches the trades."
        )

    def seen(self) -> AlarmsSeen:
        """How the alarms stand."""
        return self.alarms.seen()

    def _end(self) -> None:
        self._tail.close()
        self.alarms.close(STOP_S)

    def _look(self) -> Look:
        gate, parts = self._parts.board.gate, self._parts
        return Look(
            at=parts.time.clock(),
            monotonic=parts.time.monotonic(),
            gate_open=gate.open,
            gate_reason=gate.reason,
            safe_mode=parts.state.facts.safe_mode,
            rebuilds=parts.vitals.rebuilds,
            naked=dict(map(_naked, filter(_is_naked, self._standing()))),
        )

    def _trade(self, trade_id: int) -> Names | None:
        trade = self._queries.trade(trade_id)
        return None if trade is None else Names(trade.signal_id, trade.client_order_id)

    def _standing(self) -> tuple[TradeRecord, ...]:
        return self._queries.trades(limit=MOST_NAKED, standing=True).items


def sign_of_life(told: AlarmSettings, parts: Parts, wellness: Wellness) -> SignOfLife | None:
    if told.deadman_url is None:
        return None
    url = told.deadman_url.get_secret_value()
    return SignOfLife(url, why_not=wellness.why_not, clock=parts.time.clock)


def wanted(settings: Settings, pace: Pace) -> Wanted:
    """Who is told what; raises CannotStart."""
    told = settings.alarms
    try:
        return Wanted(
            who=f"Starfill {settings.mode}",
            services=services([url.get_secret_value() for url in told.urls]) if told.urls else (),
            kinds=switched(told.kinds),
            gate_s=told.gate_s,
            pace=pace,
        )
    except NoService as error:
        raise CannotStart(Exit.CONFIGURATION, f"{error}; nothing was started") from None
    except ValueError as error:
        raise CannotStart(Exit.CONFIGURATION, f"STARFILL_ALARMS: {error}; nothing was started") from None


def secrets_in(told: AlarmSettings) -> list[str]:
    """What must not stand in any log."""
    urls = [*told.urls, *([] if told.deadman_url is None else [told.deadman_url])]
    return [secret for url in urls for secret in secrets_of(url.get_secret_value())]


def intents_in(journal: JournalQueries) -> Callable[[str], Intent | None]:
    """Looks up what an order was to be."""

    def find(client_order_id: str) -> Intent | None:
        rows = journal.about({client_order_id}, kinds=("order_intended",))
        return rows[0].payload if rows else None

    return find


def _is_naked(trade: TradeRecord) -> bool:
    return trade.naked_why is not None and trade.held > ZERO


def _naked(trade: TradeRecord) -> tuple[int, Naked]:
    price = trade.basis_price if trade.mark_price is None else trade.mark_price
    usd = (trade.held * (price or ZERO)).quantize(CENT)
    return trade.id, Naked(trade.symbol, decimal_text(usd), trade.naked_why or "")
