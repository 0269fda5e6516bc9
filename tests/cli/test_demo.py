import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.demo import load_samples, play, timed
from run import seen_by_web
from simulator.server import Simulator, SimulatorSettings
from tests.cli.books import our_id
from tests.flows.conftest import Bot, running
from tests.web.conftest import NOW, TOKEN, TOKENS, Hand
from web.api.intake import signal_from
from web.api.views import time_text
from web.app import create_app
from web.health import Readiness
from web.server import WebServer


def test_every_sample_is_a_signal() -> None:
    for sample in load_samples():
        fields = {name: value for name, value in sample.items() if name != "after_s"}
        signal_from(json.dumps(fields | {"issued_at": time_text(NOW)}).encode())


def test_the_samples_show_every_rating_and_every_special_end() -> None:
    samples = load_samples()
    assert {each["catalyst_tier"] for each in samples} == {1, 2, 3, 4}
    assert {each["ai_confidence"] for each in samples} == {"high", "medium", "low", None}
    assert {"PARTS", "PCANC", "REJCT", "NOTRD", "NOBUY", "OCGN"} <= {each["symbol"] for each in samples}
    assert "RESTS" not in {each["symbol"] for each in samples}  # the demo waits for every order's end
    assert len({each["signal_id"] for each in samples}) == len(samples) - 1
    offsets = [each["after_s"] for each in samples]
    assert offsets == sorted(offsets)
    assert offsets[-1] < 10


def test_samples_come_at_their_offsets_and_a_repeat_is_a_true_one() -> None:
    clock, pauses = Hand(), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)

    def seconds() -> float:
        return (clock.now - NOW).total_seconds()

    samples: list[dict[str, Any]] = [
        {"after_s": 0, "signal_id": "a"},
        {"after_s": 2.5, "signal_id": "b"},
        {"after_s": 4, "signal_id": "a"},
    ]
    lines = [text for _, text in timed(samples, clock, pause, seconds)]
    assert pauses == [0, 2.5, 1.5]
    assert lines[0] == lines[2]
    assert json.loads(lines[1])["issued_at"] == time_text(NOW + timedelta(seconds=2.5))


@contextmanager
def a_bot(tmp_path: Path, *, ready: bool = True) -> Iterator[tuple[Bot, Simulator, str]]:
    settings = SimulatorSettings(folder=tmp_path / "books", fill_delay_s=0.0, partial_fill_share=Decimal(0))
    with Simulator(settings) as simulator, running(simulator, tmp_path / "state") as bot:

        def told() -> Readiness:
            return Readiness(ready=ready and bot.parts.board.gate.open, reason="as the test wants it")

        app = create_app(replace(seen_by_web(bot.parts, bot.queries), ready=told), tokens=lambda: TOKENS)
        server = WebServer(app, "127.0.0.1", 0, closing=app.state.hub.close)
        server.start()
        try:
            yield bot, simulator, server.url
        finally:
            server.stop()


def played(bot: Bot, url: str, oracle: Path | None) -> tuple[int, str]:
    said = io.StringIO()
    assert oracle is not None
    code = play(
        url=url,
        token=TOKEN,
        queries=bot.queries,
        oracle_path=oracle,
        console=Console(file=said, width=100),
        samples=[sample | {"after_s": 0} for sample in load_samples()],
    )
    return code, said.getvalue()


def test_the_demo_ends_with_a_summary_and_two_books_that_agree(tmp_path: Path) -> None:
    with a_bot(tmp_path) as (bot, simulator, url):
        code, said = played(bot, url, simulator.oracle_path)
    assert code == 0, said
    assert "agree" in said
    assert "duplicate_symbol" in said


def test_the_demo_ends_with_1_and_the_differences_when_the_books_differ(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    ghost = {"type": "accepted", "client_order_id": our_id(7), "status": "new", "cum_qty": "0"}
    other.write_text(json.dumps(ghost) + "\n")
    with a_bot(tmp_path) as (bot, _, url):
        code, said = played(bot, url, other)
    assert code == 1
    assert f"{our_id(7)} is at the broker and not in the ledger" in said


def test_a_demo_without_a_bot_ends_with_1(tmp_path: Path) -> None:
    said = io.StringIO()
    with a_bot(tmp_path) as (bot, simulator, _):
        oracle = simulator.oracle_path
        assert oracle is not None
        code = play(
            url="http://127.0.0.1:1",
            token=TOKEN,
            queries=bot.queries,
            oracle_path=oracle,
            console=Console(file=said),
        )
    assert code == 1
    assert "no Starfill answers" in said.getvalue()


def test_a_bot_that_does_not_get_ready_is_not_waited_for_without_end(tmp_path: Path) -> None:
    times = iter([0.0, 10.0, 40.0])
    with a_bot(tmp_path, ready=False) as (bot, simulator, url):
        assert simulator.oracle_path is not None
        code = play(
            url=url,
            token=TOKEN,
            queries=bot.queries,
            oracle_path=simulator.oracle_path,
            console=Console(file=io.StringIO()),
            pause=lambda _: None,
            monotonic=lambda: next(times),
        )
    assert code == 1
