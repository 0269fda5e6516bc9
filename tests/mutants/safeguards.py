"""The safeguards, each with the change that takes it away and the tests that have to notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Change:
    """In this file, in place of text that stands there exactly once, another."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """The product without one of its safeguards."""

    name: str
    what: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    """What has to go red, as pytest is told it."""

    def apply(self, root: Path) -> None:
        """Make the changes below this folder; raises ValueError when the sources have moved on."""
        for change in self.changes:
            path = root / change.file
            source = path.read_text(encoding="utf-8")
            if source.count(change.old) != 1:
                raise ValueError(f"{self.name}: {change.file} does not have exactly one {change.old!r}")
            path.write_text(source.replace(change.old, change.new), encoding="utf-8")


ACTORS: Final = ("tests/domain", "tests/actors")
EXITS: Final = ("tests/actors/test_ledger_exits.py", "tests/actors/test_ledger_stops.py")
LIMITS: Final = ("tests/domain/test_limits.py", "tests/domain/test_rules.py")


def _mutant(  # noqa: PLR0917 - a table reads better without names
    name: str, what: str, file: str, old: str, new: str, tests: tuple[str, ...]
) -> Mutant:
    return Mutant(name, what, (Change(file, old, new),), tests)


MUTANTS: Final = (
    _mutant(
        "intent-commit",
        "an order leaves without a durable intent",
        "actors/ledger_signals.py",
        "trade_id = work.unit.add_entry(",
        "trade_id = (lambda *_, **__: 1)(",
        ACTORS,
    ),
    _mutant(
        "deterministic-id",
        "each plan of a signal has an id of its own",
        "domain/identity.py",
        "leg, str(generation)))",
        'leg, str(generation), __import__("os").urandom(8).hex()))',
        ACTORS,
    ),
    _mutant(
        "max-merge",
        "the last word on an order's fills wins, also an old one",
        "domain/orders.py",
        "    if update.filled_qty > record.filled_qty:",
        "    if update.filled_qty != record.filled_qty:",
        ACTORS,
    ),
    _mutant(
        "gate",
        "orders leave while the gate is shut",
        "domain/rules.py",
        "    if not facts.gate.open:",
        "    if facts.gate is None:",
        ACTORS,
    ),
    _mutant(
        "plan-transaction",
        "a symbol that is taken is not seen by the plan",
        "actors/ledger_limits.py",
        "occupied_by=work.unit.trade_occupying(signal.symbol),",
        "occupied_by=None,",
        ACTORS,
    ),
    Mutant(
        "full-sync",
        "a commit returns before it is on the disk",
        (
            Change("persistence/database.py", '"synchronous": 2', '"synchronous": 1'),
            Change("persistence/database.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),
        ),
        ("tests/persistence/test_store.py",),
    ),
    _mutant(
        "unresolved",
        "an order without an answer counts as refused",
        "broker/outcome.py",
        "        return Unresolved(why=failure.why)",
        "        return Rejected(reason=failure.why)",
        ("tests/broker/test_submit.py",),
    ),
    _mutant(
        "generation",
        "frames of a connection that was given up count",
        "actors/trading_stream.py",
        "if frame.generation == self._generation else None",
        "if frame.generation else None",
        ACTORS,
    ),
    _mutant(
        "position-guard",
        "shares that somebody else bought count as ours",
        "domain/orders.py",
        "if overtaken or not ZERO < ours <= record.filled_qty:",
        "if overtaken:",
        ACTORS,
    ),
    _mutant(
        "epoch",
        "a process that has lost the ledger may still write",
        "persistence/store.py",
        "                lease.check(cursor, epoch)",
        "                pass",
        ("tests/persistence", "tests/actors"),
    ),
    _mutant(
        "quarantine",
        "an order that the broker denies once is given up",
        "domain/orders.py",
        ">= QUARANTINE:",
        ">= timedelta():",
        ACTORS,
    ),
    _mutant(
        "silence",
        "an order of which nothing can be learned halts nothing",
        "domain/orders.py",
        "    return unheard_of and record.silent_since is not None and now - record.silent_since >= SILENCE",
        "    return False",
        ACTORS,
    ),
    _mutant(
        "time-to-live",
        "an intent is sent again however old it is",
        "actors/ledger_signals.py",
        "    if work.now >= record.post_until:",
        "    if False:",
        ACTORS,
    ),
    _mutant(
        "halts-in-the-plan",
        "a halt stops no plan",
        "actors/ledger_halts.py",
        "    return tuple(dict.fromkeys((*work.unit.active_halts(symbol), *work.halts.reasons(symbol))))",
        "    return ()",
        ACTORS,
    ),
    _mutant(
        "halt-file",
        "a halt that only the file has is forgotten",
        "actors/ledger_halts.py",
        "    for on_file in file.read():",
        "    for on_file in ():",
        ACTORS,
    ),
    _mutant(
        "last-look",
        "a lane does not look at halts, gate and lease before it sends",
        "actors/lane.py",
        "if (why_not := self._brake.why_not(order.symbol, order.side)) is not None:",
        "if (why_not := self._brake.why_not(order.symbol, order.side)) is not None and not order:",
        ACTORS,
    ),
    _mutant(
        "lost-ledger",
        "orders of ours that the ledger lacks are taken for a stranger's",
        "actors/ledger_orders.py",
        "        if after.bears_our_mark:",
        "        if False:",
        ACTORS,
    ),
    _mutant(
        "position-difference",
        "a difference that nothing explains halts nothing",
        "actors/ledger_account.py",
        "            work.halt(symbol, suspicion.unexplained)",
        "            pass",
        ACTORS,
    ),
    _mutant(
        "lost-frame",
        "an event that does not fit the books is no reason to look",
        "actors/ledger_orders.py",
        "    if update.position_qty != believed:",
        "    if False:",
        ACTORS,
    ),
    _mutant(
        "mute-stream",
        "a stream that tells nothing is kept",
        "actors/trading_stream.py",
        '        self._restart("it was up and told nothing")',
        "        return",
        ACTORS,
    ),
    _mutant(
        "audit-age",
        "the gate stays open however old the last read is",
        "domain/gate.py",
        "if self.audited is None or moment.monotonic - self.audited > AUDIT_GOOD_FOR:",
        "if self.audited is None:",
        ACTORS,
    ),
    _mutant(
        "clock-jump",
        "a jump of the clock goes unnoticed",
        "domain/gate.py",
        "        if abs(jumped) > CLOCK_TOLERANCE:",
        "        if False:",
        ACTORS,
    ),
    _mutant(
        "clock-set-meanwhile",
        "a clock that is set while the broker's is read passes for right",
        "actors/account_reading.py",
        "        before = now - (ended - begun)",
        "        before = min(now, market.timestamp)",
        ACTORS,
    ),
    _mutant(
        "unwritable",
        "what cannot be written down is let go",
        "actors/trade_ledger.py",
        "                self._backlog.keep(one)",
        "                pass",
        ACTORS,
    ),
    _mutant(
        "one-sell-at-a-time",
        "a trade is sold again while a sell of it is under way",
        "actors/ledger_exits.py",
        '    if any(order.leg == "exit" for order in playing):',
        "    if False:",
        EXITS,
    ),
    _mutant(
        "exit-intent",
        "a sell leaves without a durable intent",
        "actors/ledger_exits.py",
        "    work.unit.add_exit(",
        "    (lambda *_, **__: None)(",
        EXITS,
    ),
    _mutant(
        "exit-generation",
        "a sell has the id of the one before it",
        "actors/ledger_exits.py",
        "generation=sum(1 for order in orders if order.leg == leg)",
        "generation=0",
        EXITS,
    ),
    _mutant(
        "only-what-is-held",
        "a sell is for all that was ever bought",
        "actors/ledger_exits.py",
        "qty=trade.held if qty is None else qty,",
        "qty=trade.shares if qty is None else qty,",
        EXITS,
    ),
    _mutant(
        "shares-surely-there",
        "shares are sold that the account may not have",
        "actors/ledger_exits.py",
        "    short = ledger_shares.shortage(work, trade)\n    if short is not None:\n        work.in_trouble",
        "    short = None\n    if short is not None:\n        work.in_trouble",
        EXITS,
    ),
    _mutant(
        "buy-and-stop-first",
        "a sell leaves while a buy or a stop of the same shares may still be executed",
        "actors/ledger_exits.py",
        '    if playing:\n        return f"its',
        '    if False:\n        return f"its',
        EXITS,
    ),
    _mutant(
        "closed-by-the-broker",
        "a trade counts as closed once its sell was sent",
        "domain/trades.py",
        "    sold = sum((order.filled_qty for order in sells), ZERO)",
        "    sold = sum((order.qty or order.filled_qty for order in sells), ZERO)",
        EXITS,
    ),
    _mutant(
        "wish-to-sell",
        "what is to be sold is forgotten with the first failure",
        "actors/ledger_exits.py",
        '    return trade.having({"exit_wanted": reason, "exit_wanted_by": by, "exit_wanted_at": work.now})',
        "    return trade",
        EXITS,
    ),
    _mutant(
        "fresh-price",
        "an old price sells",
        "domain/market.py",
        "    oldest = now - timedelta(seconds=max_age_s)",
        "    oldest = now - timedelta(days=365)",
        ("tests/domain/test_market.py",),
    ),
    _mutant(
        "market-hours",
        "it buys while the market is closed",
        "domain/market.py",
        "        return self.clock.next_close if begun and now < self.clock.next_close else None",
        "        return self.clock.next_close",
        ("tests/domain/test_market.py", "tests/domain/test_limits.py"),
    ),
    _mutant(
        "positions-limit",
        "any number of trades may be open",
        "domain/limits.py",
        "passed=exposure.positions < limit,",
        "passed=True,",
        LIMITS,
    ),
    _mutant(
        "exposure-limit",
        "any number of dollars may be at stake",
        "domain/limits.py",
        "passed=exposure.usd + cost <= limit,",
        "passed=exposure.usd <= limit,",
        LIMITS,
    ),
    _mutant(
        "orders-a-minute",
        "any number of orders may leave in a minute",
        "domain/limits.py",
        "passed=exposure.orders_last_minute < limit,",
        "passed=exposure.orders_last_minute <= limit,",
        LIMITS,
    ),
    _mutant(
        "collar",
        "it buys at any distance from the signal's price",
        "domain/limits.py",
        "passed=apart <= limit * then,",
        "passed=True,",
        LIMITS,
    ),
    _mutant(
        "daily-loss",
        "a day's loss halts nothing",
        "actors/ledger_limits.py",
        "    if limits.daily_loss_limit_usd(config, today).passed:",
        "    if True:",
        ("tests/actors/test_ledger_limits.py",),
    ),
    _mutant(
        "mode-switch",
        "paper and live are switched over open trades",
        "cli/mode_switch.py",
        "    if left:",
        "    if False:",
        ("tests/cli/test_mode_switch.py",),
    ),
    _mutant(
        "settings-beside-a-bot",
        "settings are written under a bot that starts or hangs",
        "cli/settings_holder.py",
        "            stack.callback(Instance(settings.state_dir).release)",
        "            pass",
        ("tests/cli/test_config.py",),
    ),
)
