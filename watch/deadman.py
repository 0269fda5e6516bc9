"""The sign of life that goes outwards: whoever keeps an eye on it raises the alarm when it stays away.

As healthchecks.io and others have it: an address that is called every minute. It is called only while all is
well, so that a bot that runs and cannot trade is as silent as one that is gone.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

import requests

from domain.values import Clock
from watch.seen import DeadmanSeen
from watch.services import masked, secrets_of

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
AGAIN_S: Final = 10.0
"""After a turn at which it was not sent."""
FIRST_S: Final = 10.0
"""A bot that has just started is not well yet, and no alarm for it."""
TIMEOUT_S: Final = 10.0


class SignOfLife:
    """Calls the address on a thread of its own. `why_not` tells why all is not well; None: it is."""

    def __init__(
        self,
        url: str,
        *,
        why_not: Callable[[], str | None],
        clock: Clock,
        every_s: float = EVERY_S,
        first_s: float = FIRST_S,
    ) -> None:
        self._url = url
        self._secrets = secrets_of(url)
        self._why_not = why_not
        self._clock = clock
        self._every_s = every_s
        self._first_s = first_s
        self._seen = DeadmanSeen(on=True)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sign of life", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def seen(self) -> DeadmanSeen:
        """How the last call went."""
        return self._seen

    def close(self, timeout_s: float = 1.0) -> None:
        """Call no more. Silence is then the alarm, as it should be when nobody watches the trades."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def turn(self) -> None:
        """One call, or none."""
        before, why = self._seen, self._why_not()
        error = self._call() if why is None else f"not sent: {why}"
        if error is None:
            self._seen = DeadmanSeen(on=True, last_ok_at=self._clock())
        else:
            self._seen = before._replace(error=error)
        if error is not None and before.error is None:
            log.warning("the sign of life: %s", error)
        elif error is None and before.error is not None:
            log.info("the sign of life is sent again")

    def _call(self) -> str | None:
        session = requests.Session()
        session.trust_env = False  # a netrc's password is not meant for this address
        with session:
            try:
                answer = session.get(self._url, timeout=TIMEOUT_S, allow_redirects=False, stream=True)
            except requests.RequestException as error:
                return masked(f"not taken: {type(error).__name__}", self._secrets)
        return None if answer.ok else f"answered {answer.status_code}"

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._closing.wait(wait_s):
            try:
                self.turn()
            except Exception:  # a dead thread here would be a false alarm at night
                log.exception("the sign of life failed; it is tried again")
            wait_s = self._every_s if self._seen.error is None else AGAIN_S
