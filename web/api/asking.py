"""Asks an actor for a request's sake: what has no answer becomes a 503 that says what may have happened."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pykka

from web.errors import unavailable

log = logging.getLogger(__name__)

ASK_TIMEOUT_S: Final = 8.0
UNWRITABLE_RETRY_S: Final = 5
"""A full disk is not emptied within a second."""


@contextmanager
def answered(*, undone: str, in_doubt: str, fix: str) -> Iterator[None]:
    """Around an ask; raises Refusal where it raises.

    `undone`: what is certain when the question reached nobody; `in_doubt`: what is the case when it may
    have been acted on, and the answer did not come.
    """
    try:
        yield
    except pykka.ActorDeadError:
        raise unavailable(f"Starfill is being started or stopped; {undone}.", fix) from None
    except pykka.Timeout:
        raise unavailable(f"The ledger has not answered in time; {in_doubt}.", fix) from None
    except Exception:  # of the actor that had the question: its supervisor knows, and rebuilds it
        log.exception("an ask has failed")
        raise unavailable(f"The ledger failed over it; {in_doubt}.", fix) from None
