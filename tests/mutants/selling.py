"""The safeguards of what is sold."""

from typing import Final

from tests.mutants.mutant import mutant

RULES: Final = ("tests/domain/test_exits.py", "tests/domain/test_selling.py", "tests/domain/test_looks.py")
LEDGER: Final = (
    "tests/actors/test_ledger_exits.py",
    "tests/actors/test_ledger_shares.py",
    "tests/actors/test_ledger_stops.py",
)
MONITOR: Final = ("tests/actors/test_position_monitor.py",)

SELLING: Final = (
    mutant(
        "account-read-first",
        "after an outage shares are sold that their owner may have sold by hand",
        "domain/gate.py",
        "        return self.seen is not None and",
        "        return True or",
        LEDGER,
    ),
    mutant(
        "stale-intent",
        "an intent to sell leaves after its shares have gone",
        "actors/ledger_shares.py",
        "    if unsold(record) > trade.held:",
        "    if False:",
        LEDGER,
    ),
    mutant(
        "unwanted-buy",
        "a buy leaves though its trade is to be sold",
        "actors/ledger_shares.py",
        'return None if trade.exit_wanted is None else "its trade is to be sold"',
        "return None",
        LEDGER,
    ),
    mutant(
        "surplus",
        "a sell of more than is held stays at the broker",
        "actors/ledger_work.py",
        "        self.cancel_working(surplus(trade, orders))\n",
        "",
        LEDGER,
    ),
    mutant(
        "oversold",
        "a trade that sold more than it had halts nothing",
        "actors/ledger_work.py",
        "        if trade.left < ZERO:",
        "        if False:",
        LEDGER,
    ),
    mutant(
        "resting-stop",
        "a trade is over while its stop still rests at the broker",
        "domain/trades.py",
        "    return TradeStatus.CLOSING if playing else TradeStatus.CLOSED",
        "    return TradeStatus.CLOSED",
        (*LEDGER, "tests/domain/test_trades_sold.py"),
    ),
    mutant(
        "replaced-sale",
        "a sale that was replaced at the broker counts as over",
        "domain/trades.py",
        " or (_is_replaced(order) and last[order.leg] is order)",
        "",
        (*LEDGER, "tests/domain/test_trades_sold.py"),
    ),
    mutant(
        "in-one-breath",
        "whose shares were sold by hand is judged by what was held before",
        "actors/ledger_orders.py",
        "            heard.save(work)\n            hear_external",
        "            hear_external",
        LEDGER,
    ),
    mutant(
        "taken-once-the-account-agrees",
        "what others sold is never found out where it was heard in the wrong order",
        "actors/ledger_account.py",
        "    ledger_shares.settle_all(work, symbols - suspicions.keys())\n",
        "",
        LEDGER,
    ),
    mutant(
        "retry-pause",
        "a refused sale is sent again at once, and for ever",
        "domain/exits.py",
        "    return retry_at is not None and retry_at - LONGEST_PAUSE <= now < retry_at",
        "    return False",
        (*LEDGER, *RULES),
    ),
    mutant(
        "behind-the-words",
        "a sale is planned before the fills that wait are heard",
        "actors/trade_ledger.py",
        "URGENT: Final = (\n",
        "from domain.messages import PlanExit, PlanResend\nURGENT: Final = (PlanExit, PlanResend,\n",
        LEDGER,
    ),
    mutant(
        "lone-bid",
        "a bid far from any ask counts as a price",
        "domain/market.py",
        "    return abs(quote.ask - quote.bid) <= quote.ask * WIDEST",
        "    return True",
        ("tests/domain/test_market.py",),
    ),
    mutant(
        "split-or-loss",
        "what may have been split is sold for a loss that is none",
        "actors/position_monitor.py",
        "_doubted(prices[each.trade.symbol]) if each.doubtful else prices[each.trade.symbol]",
        "prices[each.trade.symbol]",
        MONITOR,
    ),
    mutant(
        "rules-while-closed",
        "a rule sells while the market is closed",
        "actors/position_monitor.py",
        "        if closes_at is not None and trade.held:",
        "        if trade.held and (closes_at := closes_at or now):",
        MONITOR,
    ),
    mutant(
        "naked-stop",
        "a stop whose POST has no answer counts as protection",
        "domain/exits.py",
        'order.leg == "stop" and order.life is Life.WORKING',
        'order.leg == "stop" and order.is_live',
        RULES,
    ),
    mutant(
        "frozen-sale",
        "a process that has stood still sends a sale that another may have done",
        "actors/brake.py",
        "        if not self._lease_fresh():",
        '        if side == "buy" and not self._lease_fresh():',
        ("tests/actors/test_brake.py",),
    ),
)
