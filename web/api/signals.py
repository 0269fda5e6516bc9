"""`/api/signals`: taking signals in, and the answer to "why did it (not) trade?"."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Annotated, Any, Final
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from domain.messages import AcceptSignal, LedgerUnwritable, SignalConflict, SignalRecorded
from domain.signals import Signal, SignalReceipt, SignalState, body_digest, timing_fault
from persistence.queries import ListQueries, Queries
from persistence.queries.lists import SignalFilter
from persistence.rows import SignalView
from web.api.asking import ASK_TIMEOUT_S, UNWRITABLE_RETRY_S, answered
from web.api.intake import signal_from
from web.api.paging import Cursor, Limit, Since, Text, Until, page_of
from web.api.preview import PreviewJson, previewed
from web.api.views import ListJson, ReceiptJson, SignalJson, list_json, receipt_json, signal_json
from web.bodies import read_body
from web.bot import Bot
from web.errors import ErrorBody, Fault, Refusal, unavailable
from web.roles import Role, caller_of, require
from web.sources.door import Door

COUNT_AGE_S: Final = 2.0
RECOUNT_AGE_S: Final = 0.05
WAITING_INTAKES: Final = 32
"""Threads that may wait for the ledger at once; the reads have others, so they never wait for these."""
WAITING_PREVIEWS: Final = 4
"""These may have to wait for the broker, so they have threads of their own."""

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "Not one JSON object in UTF-8"},
    409: {"model": ErrorBody, "description": "The id is taken by a signal with other content"},
    401: {"model": ErrorBody, "description": "Neither a token nor a good signature"},
    403: {"model": ErrorBody, "description": "A role too low, or a key of another source"},
    408: {"model": ErrorBody, "description": "The body did not arrive in time"},
    413: {"model": ErrorBody, "description": "Larger than 16 KiB"},
    415: {"model": ErrorBody, "description": "Not sent as application/json"},
    422: {"model": ErrorBody, "description": "Not a valid signal; every fault is named"},
    429: {"model": ErrorBody, "description": "The source has used its budget up"},
    503: {"model": ErrorBody, "description": "The ledger does not answer, or too much waits; send it again"},
}


SEND_AGAIN: Final = "Send it again unchanged, under the same id: it cannot trade twice."


class Backlog:
    """How many signals wait for a verdict: what was counted last, and all that were let in since.

    So the bound holds however fast signals come. They are counted again each few seconds, and when the bound
    seems to be reached: what was decided meanwhile makes room.
    """

    def __init__(self, queries: Queries, most: int) -> None:
        self._queries = queries
        self._most = most
        self._lock = Lock()
        self._counted_at = -COUNT_AGE_S
        self._waiting = 0
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one more while it is being stored; raises Refusal when all are taken."""
        with self._lock:
            self._take()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _take(self) -> None:
        age = time.monotonic() - self._counted_at
        if age >= COUNT_AGE_S or (self._waiting >= self._most and age >= RECOUNT_AGE_S):
            # One that is under way may be counted or not, so it counts in any case.
            self._waiting = self._queries.undecided() + self._under_way
            self._counted_at = time.monotonic()
        if self._waiting >= self._most:
            raise unavailable(
                "Too many signals wait for a decision; nothing was stored.", SEND_AGAIN, retry_after_s=5
            )
        self._waiting += 1
        self._under_way += 1


class Intake:
    """What happens to a valid signal; blocks while the ledger makes it durable."""

    def __init__(self, bot: Bot) -> None:
        self._receiver = bot.receiver
        self._preview = bot.preview
        self._queries = bot.queries
        self._clock = bot.clock
        self._backlog = Backlog(bot.queries, bot.most_waiting)

    def preview(self, signal: Signal) -> PreviewJson:
        """What would become of it now; raises Refusal, as sending it would."""
        late = timing_fault(signal, self._clock())
        if late is not None:
            raise _untimely(late)
        for view in self._queries.signal(signal.signal_id, signal.source):
            if view.digest != body_digest(signal):
                raise _conflict(signal)
        return previewed(self._preview, signal)

    def take(self, signal: Signal) -> tuple[int, ReceiptJson]:
        """The status and the receipt; raises Refusal."""
        late = timing_fault(signal, self._clock())
        if late is not None:
            return 200, self._known(signal, late)
        with (
            self._backlog.place(),
            answered(undone="nothing was stored", in_doubt="the signal may have been stored", fix=SEND_AGAIN),
        ):
            answer = self._receiver.ask(
                AcceptSignal(signal=signal),
                SignalRecorded,
                SignalConflict,
                LedgerUnwritable,
                timeout=ASK_TIMEOUT_S,
            )
        if isinstance(answer, LedgerUnwritable):
            raise unavailable(
                f"The ledger cannot be written ({answer.why}); nothing was stored.",
                SEND_AGAIN,
                retry_after_s=UNWRITABLE_RETRY_S,
            )
        if isinstance(answer, SignalConflict):
            raise _conflict(signal)
        return 200 if answer.repeated else 202, receipt_json(answer.receipt, repeated=answer.repeated)

    def first(self, signal: Signal) -> ReceiptJson | None:
        """The receipt of the signal that was stored under this one's name; None: there is none."""
        for view in self._queries.signal(signal.signal_id, signal.source):
            return _repeated(view)
        return None

    def _known(self, signal: Signal, late: str) -> ReceiptJson:
        """The receipt of a signal that came in when it was in time, and is only being repeated."""
        for view in self._queries.signal(signal.signal_id, signal.source):
            if view.digest != body_digest(signal):
                raise _conflict(signal)
            return _repeated(view)
        raise _untimely(late)


def _repeated(view: SignalView) -> ReceiptJson:
    receipt = SignalReceipt(
        source=view.signal.source,
        signal_id=view.signal.signal_id,
        state=view.state,
        received_at=view.received_at,
    )
    return receipt_json(receipt, repeated=True)


def _untimely(why: str) -> Refusal:
    return Refusal(
        422,
        "bad_signal",
        "The signal's time is not acceptable; nothing was stored.",
        "Send a signal while it is fresh, from a machine with a correct clock.",
        details=[Fault(field="issued_at", fault=why)],
    )


def _conflict(signal: Signal) -> Refusal:
    return Refusal(
        409,
        "conflict",
        f"The signal {signal.signal_id} of {signal.source} is known with other content; nothing was stored.",
        "Give a different signal an id of its own.",
    )


def intake_routes(intake: Intake, door: Door) -> APIRouter:
    """Signals in."""
    router = APIRouter(prefix="/api/signals", tags=["signals"])
    threads, previews = CapacityLimiter(WAITING_INTAKES), CapacityLimiter(WAITING_PREVIEWS)

    @router.post(
        "",
        summary="Take a signal in",
        description=(
            "202 after it is durable; 200 with the first receipt for a repeat: it trades once. In place of a "
            "token a source may sign what it sends (X-Signature, X-Signature-Key, X-Signature-Timestamp, "
            "X-Signature-Nonce). With "
            "`?preview=true` nothing is stored, and the answer is what would become of it now."
        ),
        status_code=202,
        response_model=ReceiptJson,
        responses={
            200: {
                "model": ReceiptJson | PreviewJson,
                "description": "A repeat of a stored signal; a preview",
            },
            **REFUSALS,
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Signal.model_json_schema()}},
            }
        },
    )
    async def take(
        request: Request,
        preview: Annotated[bool, Query(description="Only tell what would become of it")] = False,
    ) -> JSONResponse:
        caller = caller_of(request)
        if preview:
            require(caller, Role.OPERATE)
        # Without a token it is the signature that proves who sends; it is looked at before the body is read.
        claim = door.claim(request.headers) if caller.role is Role.OPEN else None
        body = await read_body(request)
        signal = signal_from(body, None if claim is None else door.signer(claim, body))
        if preview:
            told = await to_thread.run_sync(intake.preview, signal, limiter=previews)
            return JSONResponse(told.model_dump(), 200)
        status, receipt = await to_thread.run_sync(intake.take, signal, limiter=threads)
        where = f"/api/signals/{quote(receipt.signal_id, safe='')}?source={quote(receipt.source, safe='')}"
        return JSONResponse(receipt.model_dump(), status, {"Location": where})

    return router


def signal_routes(lists: ListQueries, queries: Queries) -> APIRouter:
    """What came in, and what was decided of it."""
    router = APIRouter(prefix="/api/signals", tags=["signals"])

    @router.get("", summary="Signals, newest first")
    def signals(
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        state: Annotated[SignalState | None, Query(description="Only those that stand so")] = None,
        verdict: Annotated[str | None, Query(max_length=32, description="Only with this verdict")] = None,
        symbol: Annotated[str | None, Query(max_length=16, description="Only of this symbol")] = None,
        source: Annotated[str | None, Query(max_length=64, description="Only of this source")] = None,
        stars: Annotated[int | None, Query(ge=3, le=5, description="Only of so many stars")] = None,
        since: Since = None,
        until: Until = None,
        q: Text = None,
    ) -> ListJson[SignalJson]:
        wanted = SignalFilter(
            state=state and state.value,
            verdict=verdict,
            symbol=symbol,
            source=source,
            stars=stars,
            since=since,
            until=until,
            text=q,
        )
        return list_json(page_of(lambda: lists.signals(wanted, limit=limit, cursor=cursor)), signal_json)

    @router.get(
        "/{signal_id:path}",
        summary="Why did it (not) trade?",
        responses={
            404: {"model": ErrorBody, "description": "No such signal"},
            409: {"model": ErrorBody, "description": "Several sources use this id"},
        },
    )
    def signal(
        signal_id: str, source: Annotated[str | None, Query(description="Who sent it")] = None
    ) -> SignalJson:
        found = queries.signal(signal_id, source)
        if not found:
            raise Refusal(
                404, "unknown_signal", "The ledger has no such signal.", "Check its id and its source."
            )
        if len(found) > 1:
            sources = [Fault(field="source", fault=view.signal.source) for view in found]
            raise Refusal(
                409,
                "ambiguous",
                "Several sources use this id.",
                "Add ?source= with one of them.",
                details=sources,
            )
        return signal_json(found[0])

    return router
