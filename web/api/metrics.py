"""`/metrics`: for Prometheus, in its text format."""

from fastapi import APIRouter
from fastapi.responses import Response

from domain.holdings import ALL
from watch.metrics import CONTENT_TYPE, State
from web.api.status import status_json
from web.bot import Bot


def metrics_routes(bot: Bot) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        return Response(bot.metrics.exposition(state_of(bot)), media_type=CONTENT_TYPE)

    return router


def state_of(bot: Bot) -> State:
    """How it stands now; reads the ledger, so not on an event loop."""
    told, process = status_json(bot), bot.process()
    return State(
        version=told.version,
        mode=told.mode,
        started_at=told.started_at,
        gate_open=told.gate.open,
        conditions={each.check: each.ok for each in told.gate.reasons},
        halted_all=told.halted_all,
        halted_symbols=len({halt.scope for halt in told.halts} - {ALL}),
        safe_mode=told.safe_mode,
        stream_connected=told.stream.connected,
        stream_connects=bot.board.stream.connects,
        audit_age_s=told.audit.age_s,
        differing_symbols=len(bot.queries.differences()),
        requests_limit=process.requests.limit,
        requests_left=process.requests.left,
        naked_usd=float(told.naked.usd),
        naked_trades=told.naked.trades,
        open_trades=told.open_trades,
        held_usd=float(told.held_usd),
        undecided=told.undecided,
        unresolved=told.unresolved,
        rebuilds=process.rebuilds,
        alarms_failing=told.alarms_failing,
        mailboxes={each.name: each.waiting for each in process.actors},
        heartbeats_s={each.name: each.answered_s_ago for each in process.actors},
    )
