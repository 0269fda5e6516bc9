"""The reads that a decision on a signal asks for, done by whoever asks for the decision."""

from broker.api import Broker, NotFound, ReadFailed
from domain.market import Quote
from domain.rules import EntryReads, ReadsWanted
from domain.values import Clock

MOST_ROUNDS = 3
"""First the asset, then perhaps the price that it turns out to need: more than this is not asked for."""


def read_for_entry(
    broker: Broker, wanted: ReadsWanted, before: EntryReads | None, clock: Clock
) -> EntryReads | ReadFailed:
    """What is wanted, together with what was read `before`. Blocks for the client's timeouts."""
    reads = before or EntryReads(at=clock())
    if wanted.asset:
        asset = broker.asset(wanted.symbol)
        if isinstance(asset, ReadFailed):
            return asset
        reads = reads.having(
            {"unknown_symbol": True} if isinstance(asset, NotFound) else {"asset": asset, "at": clock()}
        )
    if wanted.quote and not reads.unknown_symbol:
        quotes = broker.snapshots((wanted.symbol,))
        if isinstance(quotes, ReadFailed):
            return quotes
        none = Quote(symbol=wanted.symbol, last_price=None, last_at=None, bid=None, ask=None)
        reads = reads.having({"quote": quotes.get(wanted.symbol, none)})
    return reads
