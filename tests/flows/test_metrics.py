"""One trade through a real bot, as Prometheus sees it."""

from contextlib import ExitStack
from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families

from cli.watching import Watching, Wellness
from run import seen_by_web
from tests.flows.conftest import Bot
from watch.metrics import Metrics
from web.api.metrics import state_of


def counts(metrics: Metrics, bot: Bot) -> dict[str, float]:
    text = metrics.exposition(state_of(seen_by_web(bot.parts, bot.queries))).decode()
    families = text_string_to_metric_families(text)
    return {
        " ".join([s.name.removeprefix("starfill_"), *(s.labels[name] for name in sorted(s.labels))]): s.value
        for family in families
        for s in family.samples
        if s.name.startswith("starfill_") and s.name.endswith(("_count", "_total", "_trades"))
    }


def test_each_step_of_a_trade_is_timed_and_what_came_of_it_counted(bot: Bot) -> None:
    metrics = bot.parts.metrics
    with ExitStack() as stack:
        wellness = Wellness(lambda: bot.parts.board.gate, 60, lambda _: None)
        Watching(bot.parts, wellness=wellness, followers=(metrics,)).begin(stack)
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", lambda t: t.shares is not None and t.shares > Decimal(1), "the fill")
    found = counts(metrics, bot)
    assert found["signals_total trade"] == 1
    assert (found["orders_total entry accepted"], found["orders_total entry filled"]) == (1, 1)
    for step in ("signal_to_plan", "plan_to_post", "post_to_ack", "ack_to_fill", "signal_to_fill"):
        assert found[f"{step}_seconds_count entry"] == 1, step
    assert found["open_trades"] == 1
