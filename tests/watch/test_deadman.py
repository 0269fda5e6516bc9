"""The sign of life, in front of a real HTTP server."""

import pytest

from tests.domain.builders import NOW
from tests.watch.service import Service
from watch.deadman import SignOfLife
from watch.seen import DeadmanSeen


class Bot:
    def __init__(self) -> None:
        self.why: str | None = None

    def why_not(self) -> str | None:
        return self.why


def a_sign(service: Service, bot: Bot) -> SignOfLife:
    url = f"http://127.0.0.1:{service.port}/ping/c4nary-0b5a2e7c"
    return SignOfLife(url, why_not=bot.why_not, clock=lambda: NOW, every_s=3600, first_s=0)


def test_while_all_is_well_the_address_is_called(service: Service) -> None:
    sign = a_sign(service, Bot())
    sign.start()
    assert service.messages.get(timeout=10) == {"path": "/ping/c4nary-0b5a2e7c"}
    sign.close(10)
    assert sign.seen() == DeadmanSeen(on=True, last_ok_at=NOW, error=None)


def test_a_bot_that_is_not_well_is_silent_and_shows_why(service: Service) -> None:
    bot = Bot()
    sign = a_sign(service, bot)
    sign.turn()
    bot.why = "nothing can be bought: the trading stream is down"
    sign.turn()
    assert service.messages.qsize() == 1
    assert sign.seen() == DeadmanSeen(on=True, last_ok_at=NOW, error=f"not sent: {bot.why}")


def test_an_address_that_does_not_take_it_is_shown_without_it(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 404
    sign = a_sign(service, Bot())
    sign.turn()
    assert sign.seen().error == "answered 404"
    service.server.server_close()
    service.server.shutdown()
    sign.turn()
    assert "c4nary" not in caplog.text + str(sign.seen())
