"""What would become of a signal now: asked of the ledger as a plan is, with the same reads, and no trace."""

from typing import Final

from actors.base import Mailbox
from actors.entry_reads import MOST_ROUNDS, read_for_entry
from broker.api import Broker, ReadFailed
from domain.messages import LedgerUnwritable, NotPreviewed, Previewed, PreviewEntry
from domain.rules import ReadsWanted
from domain.signals import Signal
from domain.values import Clock

LEDGER_TIMEOUT_S: Final = 8.0


def preview_entry(
    signal: Signal, *, ledger: Mailbox[PreviewEntry], broker: Broker, clock: Clock
) -> Previewed | NotPreviewed | LedgerUnwritable:
    """Blocks for the ledger and the client's timeouts; raises what an ask raises."""
    reads = None
    for _ in range(MOST_ROUNDS):
        answer = ledger.ask(
            PreviewEntry(signal=signal, reads=reads),
            Previewed,
            ReadsWanted,
            LedgerUnwritable,
            timeout=LEDGER_TIMEOUT_S,
        )
        if not isinstance(answer, ReadsWanted):
            return answer
        told = read_for_entry(broker, answer, reads, clock)
        if isinstance(told, ReadFailed):
            return NotPreviewed(why=told.why)
        reads = told
    return NotPreviewed(why="what was looked up did not do")
