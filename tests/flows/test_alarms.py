"""Alarms of a real bot, and what they must never do to an order."""

import logging
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli import logs
from cli.watching import Watching, Wellness, secrets_in
from domain.messages import HaltsChanged, HaltTrading
from domain.trades import TradeStatus
from settings import AlarmSettings
from simulator.server import Simulator
from tests.flows.conftest import Bot, control, running
from tests.flows.process import Process, environment, started
from tests.watch.service import Service, a_service
from watch.channel import Pace
from watch.seen import AlarmsSeen


@pytest.fixture
def service() -> Iterator[Service]:
    with a_service() as one:
        yield one


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The test's own set-up of logging stays as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, logging.raiseExceptions = before


@contextmanager
def watched(bot: Bot, service: Service, **told: Any) -> Iterator[Watching]:
    """The bot's alarms go to this service."""
    alarms = AlarmSettings(**({"urls": (SecretStr(service.url()),)} | told))
    parts = replace(bot.parts, settings=bot.parts.settings.model_copy(update={"alarms": alarms}))
    with ExitStack() as stack:
        wellness = Wellness(lambda: parts.board.gate, 60, lambda _: None)
        watching = Watching(parts, wellness=wellness, pace=Pace(between_s=0.0))
        watching.begin(stack)
        yield watching


def test_a_trade_from_its_fill_to_its_halt_is_told(bot: Bot, service: Service) -> None:
    with watched(bot, service):
        service.lines_until("has started")
        bot.accept(bot.signal("ACME"))
        [*_, bought] = service.lines_until("Bought")
        bot.parts.ledger.ask(HaltTrading(scope="all", reason="going out", by="api"), HaltsChanged, timeout=10)
        service.lines_until("Everything is halted by api: going out.")
    assert "ACME" in bought
    assert "(5 stars)" in bought


def test_a_refused_order_is_told_in_the_broker_s_words(
    simulator: Simulator, tmp_path: Path, service: Service
) -> None:
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        refusal = {"code": 40310000, "message": "insufficient buying power"}
        post = {"method": "POST", "path": "/v2/orders"}
        control(simulator, "faults", [{"act": "status", "status": 403, "body": refusal, "match": post}])
        with watched(bot, service):
            bot.accept(bot.signal("ACME"))
            bot.trade("acme-1", lambda trade: trade.status is TradeStatus.REJECTED, "the refusal")
    service.lines_until("The broker refused the buy of ACME")


def test_a_service_that_hangs_holds_no_order_up(bot: Bot, service: Service) -> None:
    service.open.clear()
    with watched(bot, service) as watching:
        assert service.asked.wait(10)
        bot.accept(bot.signal("ACME"))
        # By order and not by time: the trade is open while the very first message still hangs.
        bot.trade("acme-1", lambda trade: bool(trade.shares), "the fill")
        seen: AlarmsSeen = watching.seen()
        assert service.messages.empty()
        assert (seen.channels[0].last_sent_at, seen.channels[0].queued >= 1) == (None, True)
        service.open.set()


def test_the_end_is_told_with_the_last_breath(bot: Bot, service: Service) -> None:
    with watched(bot, service) as watching:
        watching.ends("it was told to")
    service.lines_until("Starfill stops: it was told to")


def test_nothing_of_an_address_is_in_the_log_or_in_an_answer(
    bot: Bot, service: Service, tmp_path: Path, own_logging: None
) -> None:
    service.status = 403
    canary = "c4nary-t0ken-of-a-channel"
    url = f"json://owner:{canary}@127.0.0.1:{service.port}/{canary}?+X-Key={canary}"
    alarms = AlarmSettings(urls=(SecretStr(url),), deadman_url=SecretStr(f"https://127.0.0.1:9/{canary}"))
    log_file = tmp_path / "starfill.log"
    logs.configure(secrets=secrets_in(alarms), file=log_file)
    with watched(bot, service, urls=alarms.urls, deadman_url=alarms.deadman_url) as watching:
        assert service.asked.wait(10)
        logging.getLogger("a library").error("told %s of %s", canary, url)
    seen = watching.seen()
    assert (seen.channels[0].ok, seen.failing) == (False, 1)
    written = log_file.read_text()
    assert "alarms do not reach json-1" in written
    assert "told *** of ***" in written
    assert canary not in written + repr(seen) + repr(alarms)


def test_the_process_tells_its_start_its_kill_and_its_end(
    simulator: Simulator, tmp_path: Path, service: Service
) -> None:
    state, canary = tmp_path / "var", "c4nary-t0ken-of-a-channel"
    url = service.url(path=f"/{canary}")
    halt = {"scope": "all", "reason": "going out"}
    with started(state, simulator.base_url, STARFILL_ALARM_URLS=url) as (process, api):
        service.lines_until("has started")
        told = api.get("/api/alarms").json()
        assert [(each["name"], each["ok"]) for each in told["channels"]] == [("json-1", True)]
        service.status = 500  # from here on nothing gets through
        assert api.post("/api/halt", halt).status_code == 200
        process.kill()
        said = list(process.lines)
    service.status = 200
    with started(state, simulator.base_url, STARFILL_ALARM_URLS=url) as (process, _):
        # The halt is told now, and that the run before did not end as it should.
        lines = service.lines_until("Everything is halted by api: going out.")
        if not any("did not end as it should" in line for line in lines):
            lines += service.lines_until("did not end as it should")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
        said += process.lines
    lines += service.lines_until("Starfill stops: it was told to")
    assert sum("Everything is halted" in line for line in lines) == 1
    assert canary not in "\n".join(said)


def test_a_channel_that_cannot_be_used_ends_with_64_and_is_not_repeated(
    simulator: Simulator, tmp_path: Path
) -> None:
    given = environment(tmp_path / "var", simulator.base_url, STARFILL_ALARM_URLS="nonsense://c4nary")
    process = Process(**given)
    assert process.ended() == 64
    assert "address 1 of STARFILL_ALARM_URLS" in process.lines[-1]
    assert "c4nary" not in "\n".join(process.lines)
