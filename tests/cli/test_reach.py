"""To whom the command line shows a token, and which one."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import OTHERS, CommandLine, write_tokens
from tests.web.conftest import TOKENS
from web.token import Tokens

VIEW, OPERATE, ARM = TOKENS.view, TOKENS.operate, TOKENS.arm
COMMANDS = {
    ("signals",): VIEW,
    ("why", "s-1"): VIEW,
    ("trades",): VIEW,
    ("positions",): VIEW,
    ("orders",): VIEW,
    ("report",): VIEW,
    ("doctor",): VIEW,
    ("config", "get"): VIEW,
    ("config", "diff"): VIEW,
    ("send", "--symbol", "ACME", "--tier", "3"): OPERATE,
    ("send", "--symbol", "ACME", "--tier", "3", "--preview"): OPERATE,
    ("halt", "--all", "--reason", "x"): OPERATE,
    ("close", "ACME"): OPERATE,
    ("flatten", "--yes"): OPERATE,
    ("reconcile",): OPERATE,
    ("resume", "--all", "--reason", "x"): ARM,
    ("config", "set", "max_orders_per_day=5"): ARM,
}
"""By command: the lowest token that does."""


@dataclass
class Impostor:
    """Listens where the bot would, answers everything with 200 and `{}`, and keeps what it is shown."""

    tokens: Tokens | None
    """Which it can prove to know; None: it is another program, and has no proofs at all."""
    shown: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    manner: str = "plain"
    """How it answers: plainly, without end, byte by byte, deep, or with another address."""
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, path: str, authorization: str | None, port: int) -> dict[str, Any]:
        parts = urlsplit(path)
        self.asked.append(f"{method} {parts.path}")
        if authorization:
            self.shown.add(authorization.removeprefix("Bearer "))
        if parts.path != "/livez" or self.tokens is None:
            return {}
        return {"proofs": self.tokens.proofs(parse_qs(parts.query)["challenge"][0], port)}


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    here = Impostor(None)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if here.manner != "plain":
                _misbehave(self, here)
                return
            port = self.connection.getsockname()[1]
            text = json.dumps(here.answer(self.command, self.path, self.headers["Authorization"], port))
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nobody wants to know."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield here
        here.over.set()
        server.shutdown()
        thread.join()


def _misbehave(handler: BaseHTTPRequestHandler, here: Impostor) -> None:
    if authorization := handler.headers["Authorization"]:
        here.shown.add(authorization)
    head = "HTTP/1.1 302 Found\r\nLocation: /elsewhere" if here.manner == "sent on" else "HTTP/1.1 200 OK"
    bodies = {
        "endless": repeat(b"[" * 4096),
        "slow": _slowly(here.over),
        "deep": [b"[" * 10_000],
        "sent on": [b"{}"],
    }
    with suppress(OSError):
        handler.wfile.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
        for part in bodies[here.manner]:
            handler.wfile.write(part)


def _slowly(over: threading.Event) -> Iterator[bytes]:
    while not over.wait(0.01):
        yield b" "


@pytest.mark.parametrize("manner", ["endless", "slow", "deep", "sent on"])
def test_who_holds_the_port_and_misbehaves_does_not_keep_the_bot_from_being_halted(
    impostor: Impostor, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr("cli.client.PROOF_S", 0.3)
    impostor.manner = manner
    write_tokens(tmp_path)
    done = cli("halt", "--all", "--reason", "x", "--http", impostor.address, "--state-dir", tmp_path)
    assert (done.exit_code, "everything is halted" in done.stdout, impostor.shown) == (0, True, set())


@pytest.mark.parametrize("known", [None, OTHERS], ids=["another program", "another bot"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_who_does_not_know_the_token_is_not_shown_one(
    impostor: Impostor, cli: CommandLine, tmp_path: Path, command: tuple[str, ...], known: Tokens | None
) -> None:
    impostor.tokens = known
    write_tokens(tmp_path)
    cli(*command, "--http", impostor.address, "--state-dir", tmp_path)
    assert impostor.shown == set()
    assert set(impostor.asked) == {"GET /livez"}


@pytest.mark.parametrize(("command", "token"), COMMANDS.items(), ids=map(" ".join, COMMANDS))
def test_who_knows_it_is_shown_the_lowest_that_does(
    impostor: Impostor, cli: CommandLine, tmp_path: Path, command: tuple[str, ...], token: str
) -> None:
    impostor.tokens = TOKENS
    write_tokens(tmp_path)
    cli(*command, "--http", impostor.address, "--state-dir", tmp_path)
    assert impostor.shown == {token}


def test_a_proof_that_is_passed_on_from_another_port_is_none(
    impostor: Impostor, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor.tokens = TOKENS
    write_tokens(tmp_path)
    proofs = Tokens.proofs
    monkeypatch.setattr(Tokens, "proofs", lambda tokens, challenge, port: proofs(tokens, challenge, port + 1))
    done = cli("trades", "--http", impostor.address, "--state-dir", tmp_path)
    assert (done.exit_code, impostor.shown) == (1, set())
    assert "no token was shown to it" in done.stderr
