"""`/api/events`: what happens, as it happens, as server-sent events (html.spec.whatwg.org, 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse

from domain.trades import TradeRecord
from domain.values import Message
from persistence.queries import LAST_ID
from persistence.rows import JournalRow
from web.api.status import status_json
from web.api.views import Amount, Time
from web.bot import Bot
from web.errors import ErrorBody, Fault, Refusal
from web.hub import MAX_WAITING, Event, Hub, Listener
from web.roles import Caller, caller_of
from web.token import Tokens

KEEP_ALIVE_S: Final = 15.0
"""A comment this often: proxies and browsers take a silent connection for a dead one."""
LONGEST: Final = timedelta(hours=1)
"""A stream that has lasted so long is ended, and its reader comes back: with a token that still is one."""
RETRY_MS: Final = 2000
VOLATILE: Final = ("now", "audit")
"""What of the state changes while nothing happens."""

TOPICS: Final = {
    "signal": ("signal_",),
    "trade": ("trade_", "exit_", "shares_"),
    "order": ("order_", "confirmation_"),
    "halt": ("halt", "daily_loss"),
    "config": ("config_",),
    "account": ("account_", "gate", "books_", "adjusted"),
}
"""By event: how the journal's kinds begin that it stands for; `other` is the rest."""

DESCRIPTION: Final = (
    "`signal`, `trade`, `order`, `halt`, `config`, `account` and `other` are rows of the journal: their "
    "`id` is its number, their data {seq, at, kind, ref, payload}. `state` has the body of /api/status, "
    "`prices` the open trades' prices; they have no id. A reader that comes back with `Last-Event-ID` "
    "(or `after`) is told what it missed; one that has missed too much gets `reset`, and has to read "
    "anew. The stream ends after an hour at the latest, so that its reader shows its token again."
)


class PriceJson(Message):
    """What an open trade was last seen at."""

    id: int
    mark_price: Amount | None
    mark_at: Time | None
    unrealised_pnl: Amount | None


class PricesJson(Message):
    """Of all open trades."""

    trades: tuple[PriceJson, ...]


class LedgerSource:
    """The hub's source: the journal, the state and the prices."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def newest_seq(self) -> int:
        return self._bot.journal.newest_seq()

    def rows_after(self, seq: int, limit: int) -> tuple[JournalRow, ...]:
        return self._bot.journal.after(seq, limit=limit)

    def event_of(self, row: JournalRow) -> Event:
        told = row.model_dump(mode="json")
        return Event(topic_of(row.kind), json.dumps(told, separators=(",", ":")), row.seq)

    def moments(self) -> Iterable[Event]:
        yield Event("state", status_json(self._bot).model_dump_json())
        standing = self._bot.desk_queries.moment(self._bot.clock()).standing
        prices = PricesJson(trades=tuple(map(_price, standing)))
        yield Event("prices", prices.model_dump_json())

    def same(self, one: Event, other: Event) -> bool:
        return one.data == other.data or _lasting(one) == _lasting(other)


def topic_of(kind: str) -> str:
    """The event that a journal row of this kind is told as."""
    return next((topic for topic, starts in TOPICS.items() if kind.startswith(starts)), "other")


def events_routes(bot: Bot, hub: Hub, tokens: Callable[[], Tokens]) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["status"])
    source = LedgerSource(bot)

    @router.get(
        "/events",
        summary="What happens, as it happens",
        description=DESCRIPTION,
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            422: {"model": ErrorBody, "description": "`after` or `Last-Event-ID` is no number of an event"},
            503: {"model": ErrorBody, "description": "Too many streams are open, or Starfill is stopping"},
        },
    )
    async def events(
        request: Request,
        after: Annotated[int | None, Query(ge=0, le=LAST_ID, description="As Last-Event-ID")] = None,
        last_event_id: Annotated[str | None, Header(max_length=20)] = None,
    ) -> StreamingResponse:
        since = _since(last_event_id, after)
        listener = Listener(asyncio.get_running_loop())
        if not hub.join(listener):
            raise _too_many()
        ends_in_s, known = _ends_in_s(bot, caller_of(request)), tokens().session_key
        return StreamingResponse(
            _frames(
                hub,
                source,
                listener,
                since,
                ends_in_s=ends_in_s,
                is_good=lambda: tokens().session_key == known,
            ),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return router


async def _frames(
    hub: Hub,
    source: LedgerSource,
    listener: Listener,
    since: int | None,
    *,
    ends_in_s: float,
    is_good: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """`is_good`: whether the tokens are still those with which the stream was opened."""
    ends_at = asyncio.get_running_loop().time() + ends_in_s
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        seen = 0
        for known in await to_thread.run_sync(_begin, source, since):
            seen = known.seq or seen
            yield known.encoded()
        while (left_s := ends_at - asyncio.get_running_loop().time()) > 0:
            try:
                event = await listener.next(min(KEEP_ALIVE_S, left_s))
            except TimeoutError:
                if not is_good():
                    return
                yield b": still here\n\n"
                continue
            if event is None or not is_good():
                return
            if event.seq is None or event.seq > seen:
                yield event.encoded()
    finally:
        hub.leave(listener)


def _begin(source: LedgerSource, since: int | None) -> list[Event]:
    """What a reader is told first: what it has missed, or that it is too much; then how all is now."""
    events = list[Event]()
    if since is not None:
        newest = source.newest_seq()
        if 0 <= newest - since <= MAX_WAITING:
            at = since
            while rows := source.rows_after(at, MAX_WAITING):
                events += map(source.event_of, rows)
                at = rows[-1].seq
        else:
            events.append(Event("reset", json.dumps({"seq": newest}), newest))
    return [*events, *source.moments()]


def _since(last_event_id: str | None, after: int | None) -> int | None:
    if last_event_id is None or not last_event_id.strip():
        return after
    if not last_event_id.strip().isdecimal() or int(last_event_id) > LAST_ID:
        raise Refusal(
            422,
            "bad_parameters",
            "Last-Event-ID is no number of an event.",
            "Send the id of the last event as it came, or leave it out.",
            details=[Fault(field="last-event-id", fault="is no number of an event")],
        )
    return int(last_event_id)


def _too_many() -> Refusal:
    return Refusal(
        503,
        "too_many_streams",
        "As many event streams are open as Starfill serves; nothing else is affected.",
        "Close a page of the dashboard, or ask again in a moment.",
        headers={"Retry-After": "5"},
    )


def _ends_in_s(bot: Bot, caller: Caller) -> float:
    left = LONGEST if caller.expires_at is None else min(LONGEST, caller.expires_at - bot.clock())
    return max(0.0, left.total_seconds())


def _price(trade: TradeRecord) -> PriceJson:
    return PriceJson(
        id=trade.id,
        mark_price=trade.mark_price,
        mark_at=trade.mark_at,
        unrealised_pnl=trade.unrealised_pnl,
    )


def _lasting(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(event.data)
    return {name: value for name, value in told.items() if name not in VOLATILE}
