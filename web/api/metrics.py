"""`/metrics`: figures for Prometheus."""

from collections.abc import Iterator

from fastapi import APIRouter, Response

from watch.metrics import CONTENT_TYPE, Sample
from web.api.status import StatusJson, status_json
from web.bot import Bot
from web.hub import Hub


def metric_routes(bot: Bot, hub: Hub) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        return Response(bot.metrics.page(samples(bot, hub)), media_type=CONTENT_TYPE)

    return router


def samples(bot: Bot, hub: Hub) -> Iterator[Sample]:
    """The figures of this moment; reads the ledger."""
    yield from _of_status(status_json(bot))
    process, file, means = bot.process(), bot.desk_queries.file(), bot.board.means
    yield Sample("starfill_stream_connects", bot.board.stream.connects)
    yield Sample("starfill_drift_symbols", len(bot.queries.differences()))
    yield Sample("starfill_rebuilds", process.rebuilds)
    yield Sample("starfill_event_streams", hub.streams)
    yield Sample("starfill_ledger_bytes", file.size + file.wal_size)
    yield Sample("starfill_alarm_channels_failing", bot.alarms_failing() or 0)
    if process.requests.left is not None:
        yield Sample("starfill_requests_left", process.requests.left)
    if means is not None and means.equity is not None:
        yield Sample("starfill_equity_usd", float(means.equity))
    for actor in process.actors:
        yield Sample("starfill_mailbox_depth", actor.waiting, actor.name)
        yield Sample("starfill_heartbeat_age_seconds", actor.answered_s_ago, actor.name)


def _of_status(now: StatusJson) -> Iterator[Sample]:
    conditions = {each.check: each.ok for each in now.gate.reasons}
    for check, ok in conditions.items():
        yield Sample("starfill_gate_condition", ok, check)
    yield Sample("starfill_trading", now.trading)
    yield Sample("starfill_gate_open", now.gate.open)
    yield Sample("starfill_halts", len(now.halts))
    yield Sample("starfill_halted_all", now.halted_all)
    yield Sample("starfill_safe_mode", now.safe_mode)
    yield Sample("starfill_stream_connected", now.stream.connected)
    yield Sample("starfill_ledger_writable", conditions["ledger"])
    yield Sample("starfill_undecided_signals", now.undecided)
    yield Sample("starfill_unresolved_orders", now.unresolved)
    yield Sample("starfill_open_trades", now.open_trades)
    yield Sample("starfill_held_usd", float(now.held_usd))
    yield Sample("starfill_naked_usd", float(now.naked.usd))
    yield Sample("starfill_day_pnl_usd", float(now.today.pnl))
    yield Sample("starfill_uptime_seconds", (now.now - now.started_at).total_seconds())
    if now.audit.age_s is not None:
        yield Sample("starfill_audit_age_seconds", now.audit.age_s)
