"""The ledger's work on signals: make them durable, decide on them, make the intent durable."""

import hashlib
from functools import lru_cache

from actors import ledger_halts, ledger_limits, ledger_shares, subject
from actors.ledger_work import Work
from domain.config import BotConfig
from domain.identity import client_order_id
from domain.messages import (
    Declined,
    ListUndecided,
    PlanAnswer,
    PlanEntry,
    Planned,
    PlanResend,
    Previewed,
    PreviewEntry,
    RecordSignal,
    SignalConflict,
    SignalRecorded,
    Undecided,
)
from domain.orders import Life, OrderTicket, Trigger, learn
from domain.rules import Deferred, ReadsWanted, decide_entry, weigh_entry
from domain.signals import (
    EntryOrder,
    Signal,
    SignalReceipt,
    SignalState,
    Verdict,
    body_digest,
    decimal_text,
    state_after,
)
from domain.values import ZERO
from failpoint import failpoint
from persistence.store import NewTrade

UNDECIDED_AT_ONCE = 1000
"""So many waiting signals are handed out at a time; the rest follows with the next scan."""


def record_signal(work: Work, mail: RecordSignal) -> SignalRecorded | SignalConflict:
    """Store a signal once; the same id with other content is a conflict and stores nothing."""
    signal = mail.signal
    key, digest = (signal.source, signal.signal_id), body_digest(signal)
    known = work.unit.find_signals([key]).get(key)
    if known is None:
        work.unit.add_signal(signal, digest=digest, received_at=work.now)
        work.journal(
            "signal_received", signal.signal_id, source=signal.source, symbol=signal.symbol, digest=digest
        )
        work.signals.append(signal.signal_id)
        work.passed.append("sig.after_commit")
        failpoint("sig.before_commit")
        return _recorded(signal, SignalState.RECEIVED, work, repeated=False)
    if known.digest != digest:
        work.journal("signal_conflict", signal.signal_id, source=signal.source, symbol=signal.symbol)
        return SignalConflict(source=signal.source, signal_id=signal.signal_id)
    receipt = SignalReceipt(
        source=signal.source,
        signal_id=signal.signal_id,
        state=known.state,
        received_at=known.received_at,
    )
    return SignalRecorded(receipt=receipt, repeated=True)


def _recorded(signal: Signal, state: SignalState, work: Work, *, repeated: bool) -> SignalRecorded:
    receipt = SignalReceipt(
        source=signal.source, signal_id=signal.signal_id, state=state, received_at=work.now
    )
    return SignalRecorded(receipt=receipt, repeated=repeated)


def list_undecided(work: Work, _: ListUndecided) -> Undecided:
    """The oldest signals without a verdict."""
    return Undecided(signals=work.unit.undecided_signals(limit=UNDECIDED_AT_ONCE))


def plan_entry(work: Work, mail: PlanEntry) -> PlanAnswer | ReadsWanted:
    """Decide on a signal from the facts of this transaction; a trade's intent is part of it."""
    key = (mail.source, mail.signal_id)
    stored = work.unit.find_signals([key]).get(key)
    if stored is None or stored.state is not SignalState.RECEIVED:
        return Declined(verdict=None)
    signal, config = stored.signal, work.unit.config()
    facts = ledger_limits.entry_facts(work, signal, config, mail.reads)
    ledger_limits.stop_losing(work, config, facts.exposure.today)
    decision = decide_entry(facts)
    if isinstance(decision, Deferred | ReadsWanted):
        return decision
    answer: PlanAnswer = Declined(verdict=decision)
    if decision.order is not None:
        answer = Planned(order=_intend(work, signal, decision, decision.order, config))
    checks = work.unit.decide_signal(
        source=signal.source,
        signal_id=signal.signal_id,
        state=state_after(decision.code),
        verdict=decision,
        at=work.now,
    )
    work.journal(
        "signal_decided",
        signal.signal_id,
        source=signal.source,
        verdict=decision.code,
        reason=decision.reason,
        order=None if decision.order is None else decision.order.text,
        stars=decision.stars,
        notional=None if decision.notional is None else decimal_text(decision.notional),
        checks=checks,
    )
    work.signals.append(signal.signal_id)
    return answer


def preview_entry(work: Work, mail: PreviewEntry) -> Previewed | ReadsWanted:
    """What would be decided now, by the same facts; nothing is written."""
    signal = mail.signal
    key = (signal.source, signal.signal_id)
    stored = work.unit.find_signals([key]).get(key)
    weighed = weigh_entry(ledger_limits.entry_facts(work, signal, work.unit.config(), mail.reads))
    if weighed.waits is None and weighed.wants is not None:
        return weighed.wants
    return Previewed(
        verdict=weighed.verdict,
        waits=None if weighed.waits is None else weighed.waits.reason,
        known=None if stored is None else stored.state,
    )


def _intend(
    work: Work, signal: Signal, verdict: Verdict, entry: EntryOrder, config: BotConfig
) -> OrderTicket:
    """Write the intent: the order as it will be POSTed, and the trade that it opens."""
    order = OrderTicket(
        client_order_id=client_order_id(
            account_id=work.identity.account_id,
            source=signal.source,
            signal_id=signal.signal_id,
            leg="entry",
        ),
        symbol=signal.symbol,
        side="buy",
        type=entry.type,
        notional=entry.notional,
        qty=entry.qty,
        limit_price=entry.limit_price,
        extended_hours=entry.extended_hours,
        post_until=signal.expires_at,
    )
    qty_before = work.unit.positions([signal.symbol]).get(signal.symbol, ZERO)
    trade_id = work.unit.add_entry(
        NewTrade(
            symbol=signal.symbol,
            stars=verdict.stars,
            notional=entry.cost,
            catalyst_type=signal.catalyst_category,
            catalyst_tier=signal.catalyst_tier,
            source=signal.source,
            signal_id=signal.signal_id,
            client_order_id=order.client_order_id,
            created_at=work.now,
        ),
        order,
        qty_before=qty_before,
        account_id=work.identity.account_id,
        config_digest=config_digest(config),
        code_version=work.identity.code_version,
        at=work.now,
    )
    work.intended(
        order,
        trade_id,
        qty_before,
        order=entry.text,
        cost=decimal_text(entry.cost),
        stars=verdict.stars,
        source=signal.source,
        signal_id=signal.signal_id,
    )
    subject.learn(signal.signal_id, client_order_id=order.client_order_id, trade_id=trade_id)
    work.trades.add(trade_id)
    ledger_limits.look_at_orders(work)
    failpoint("plan.before_intent")
    return order


@lru_cache(maxsize=8)
def config_digest(config: BotConfig) -> str:
    """Names the settings that an order was planned by."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]


def plan_resend(work: Work, mail: PlanResend) -> PlanAnswer:
    """Whether an intent that the broker does not have may leave (again), under its own id."""
    cid = mail.client_order_id
    record = work.unit.orders_by_id(client_order_ids=[cid], broker_order_ids=()).get(cid)
    if record is None or record.life not in {Life.INTENDED, Life.UNRESOLVED}:
        return Declined(verdict=None)
    if work.now >= record.post_until:
        if mail.never_sent and record.life is Life.INTENDED:
            work.save({cid: learn(record, Trigger.LAPSED)})
            work.journal("order_lapsed", cid, why="its time to live ended before it could be sent")
        return Declined(verdict=None)
    changed = ledger_shares.why_not_again(work, record, never_sent=mail.never_sent)
    if changed is not None:
        return changed
    order = work.unit.tickets([cid])[cid]
    if record.side == "buy":  # what adds risk; a sale only takes some away
        gate, halts = work.gate_now(), ledger_halts.standing(work, record.symbol)
        if halts or not gate.open:
            return Deferred(reason="; ".join(halts) or gate.reason)
        if not _executes_now(work, order):
            return Deferred(reason="the market has closed since it was planned")
    return Planned(order=order)


def _executes_now(work: Work, order: OrderTicket) -> bool:
    """Whether the hour is one for this order; sent at another, it would wait for the next opening's price."""
    market, now = work.market, work.market_now()
    if market is None:
        return False
    return market.is_open(now) or (order.extended_hours and market.extended_until(now) is not None)
