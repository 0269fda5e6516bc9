"""The command line in front of the served API of `tests/web`, with an executor that has signals decided."""

import json
import os
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from typer.testing import CliRunner, Result

from actors.base import Address
from cli.app import BotOptions, application
from domain.messages import Declined, ExecuteSignal, ExecutorMail, LedgerMail, Planned
from domain.rules import Deferred
from settings import Settings
from tests.domain.builders import a_plan
from tests.web.conftest import TOKENS, Api, api, config
from web.token import NAMES, Tokens, proof_of

__all__ = ["api", "config"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the tester's own configuration counts."""
    for name in list(os.environ):
        if name.startswith(("STARFILL_", "APCA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("settings.ENV_FILE", tmp_path / "no.env")
    monkeypatch.setattr("settings.HOME", tmp_path)


class CommandLine:
    """Runs `starfill ARGUMENTS` in this process, and keeps what the bot was asked to do."""

    def __init__(self) -> None:
        self.started: list[tuple[Settings, BotOptions]] = []
        self.code = 0

    def _bot(self, settings: Settings, options: BotOptions) -> int:
        self.started.append((settings, options))
        return self.code

    def __call__(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        app = application(bot=self._bot)
        result = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result


@pytest.fixture
def cli() -> CommandLine:
    return CommandLine()


class Deciding:
    """An executor without a broker: it has the ledger decide, and sends nothing."""

    def __init__(self, ledger: Address[LedgerMail]) -> None:
        self._ledger = ledger

    def send(self, mail: ExecutorMail) -> bool:
        assert isinstance(mail, ExecuteSignal)
        question = a_plan(mail.signal.signal_id, mail.signal.symbol, source=mail.signal.source)
        self._ledger.ask(question, Planned, Declined, Deferred, timeout=5)
        return True


OTHERS: Final = Tokens(
    **{role.word: f"another-token-of-more-than-32-characters-to-{role.word}" for role in NAMES}
)


def write_tokens(state: Path, tokens: Tokens = TOKENS) -> None:
    """The tokens as a bot that was started with this folder has left them there."""
    for role, name in NAMES.items():
        (state / name).write_text(getattr(tokens, role.word))
        (state / name).chmod(0o600)


def knows(token: str, url: str = "http://bot") -> None:
    """Have `responses` answer at this address as one who knows this token."""

    def prove(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(str(request.url))
        [challenge] = parse_qs(parts.query)["challenge"]
        return 200, {}, json.dumps({"proofs": [proof_of(token, challenge, parts.port or 80)]})

    responses.add_callback(responses.GET, f"{url}/livez", prove)


@pytest.fixture
def bot(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API as a running bot's, found by the environment, with its token in its state folder."""
    state = tmp_path / "state"
    state.mkdir()
    write_tokens(state)
    monkeypatch.setenv("STARFILL_STATE_DIR", str(state))
    monkeypatch.setenv("STARFILL_HTTP", api.url.removeprefix("http://"))
    monkeypatch.setattr("cli.send.system_clock", api.clock)
    monkeypatch.setattr(api.executor, "send", Deciding(api.ledger).send)
    return api
