"""One trade through a real bot, as Prometheus sees it."""

from contextlib import ExitStack

from prometheus_client.parser import text_string_to_metric_families

from cli.watching import Watching, Wellness
from tests.flows.conftest import Bot
from watch.tail import Follower

STEPS = ("signal_to_plan", "plan_to_post", "post_to_ack", "plan_to_ack", "ack_to_fill", "signal_to_fill")


def counts(page: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(page.decode())
    return {s.name: s.value for family in families for s in family.samples if s.name.endswith("_count")}


def test_each_step_of_a_buy_is_timed_once(bot: Bot) -> None:
    metrics = bot.parts.metrics
    followers: tuple[Follower, ...] = (metrics,)
    with ExitStack() as stack:
        wellness = Wellness(lambda: bot.parts.board.gate, 60, lambda _: None)
        Watching(bot.parts, wellness=wellness, followers=followers).begin(stack)
        bot.accept(bot.signal("ACME"))
        bot.trade("acme-1", lambda trade: bool(trade.shares), "the fill")
    found = counts(metrics.page(()))
    for step in STEPS:
        assert found[f"starfill_{step}_seconds_count"] == 1, step
