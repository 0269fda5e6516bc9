"""The source of a case's signals: sends each under its own symbol, and remembers what was acknowledged."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from actors.clock import system_clock
from cli.client import BotClient, Unreachable
from cli.crash.home import Home
from cli.crash.judge import SOURCE, Promise
from web.api.views import time_text

LIFE_OF_A_SIGNAL_S: Final = 600
SUCCESS: Final = range(200, 300)


@dataclass
class Sent:
    """A signal, and whether a bot has acknowledged it before its death, and after."""

    signal_id: str
    symbol: str
    text: str
    before: bool = False
    after: bool = False


class Sender:
    """Writes to whichever process serves now. For one thread."""

    def __init__(self, name: str, home: Home, pause: Callable[[], None]) -> None:
        self.sent: list[Sent] = []
        self.restarted = False
        """To be set when what answers is the second process."""
        self._name = name
        self._home = home
        self._pause = pause

    def send_new(self) -> None:
        """Send one more signal, once."""
        number = len(self.sent)
        fields = {
            "signal_id": f"{self._name}-{number}",
            "symbol": f"CR{chr(ord('A') + number)}",
            "catalyst_tier": 1,
            "ai_confidence": None,
            "issued_at": time_text(system_clock()),
            "ttl_s": LIFE_OF_A_SIGNAL_S,
            "source": SOURCE,
        }
        made = Sent(str(fields["signal_id"]), str(fields["symbol"]), json.dumps(fields))
        self.sent.append(made)
        self.send(made)

    def send(self, sent: Sent) -> bool:
        """Send it, perhaps again; whether it was acknowledged."""
        acknowledged = self._with_bot(lambda bot: bot.post_signal(sent.text).status in SUCCESS)
        if self.restarted:
            sent.after |= acknowledged
        else:
            sent.before |= acknowledged
        return acknowledged

    def promises(self, *, ledger_kept: bool) -> list[Promise]:
        """What the ledger as it is now has to know."""
        return [
            Promise(each.signal_id, each.symbol, each.after or (ledger_kept and each.before))
            for each in self.sent
        ]

    def is_answered(self) -> bool:
        """Whether anybody serves."""
        return self._with_bot(lambda bot: bot.is_ready() or True)

    def is_ready(self) -> bool:
        """Whether orders can leave."""
        return self._with_bot(BotClient.is_ready)

    def _with_bot(self, asked: Callable[[BotClient], bool]) -> bool:
        """The answer; no when nobody serves, or it dies meanwhile."""
        url = self._home.url
        if url is None:
            return False
        with closing(BotClient(url, self._home.token, pause=lambda _: self._pause())) as bot:
            try:
                return asked(bot)
            except Unreachable:
                return False
