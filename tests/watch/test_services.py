"""Apprise in front of a real server; and nothing of an address in anything that it says."""

import logging

import pytest

from tests.watch.service import Service
from watch.alarm import Notice
from watch.services import NoService, masked, secrets_of, services

NOTICE = Notice("Starfill paper: 1 halt", "15:00:00 <b>ACME</b> is halted & *more*", urgent=True)
TOKEN = "c4nary-t0ken-of-a-channel"


def test_a_notice_arrives_as_it_is(service: Service) -> None:
    [(name, send)] = services([service.url(path=f"/{TOKEN}/")])
    assert send(NOTICE) is None
    told = service.messages.get(timeout=10)
    assert (told["title"], told["message"], told["type"]) == (NOTICE.title, NOTICE.body, "warning")
    assert name == "json-1"


def test_channels_are_named_by_their_service_and_a_number(service: Service) -> None:
    urls = [service.url(), service.url(path="/other"), f"xml://127.0.0.1:{service.port}/x"]
    assert [name for name, _ in services(urls)] == ["json-1", "json-2", "xml-1"]


def test_a_refusal_says_why_and_nothing_of_the_address(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 403
    url = f"json://owner:{TOKEN}@127.0.0.1:{service.port}/{TOKEN}/hook?+X-Key={TOKEN}"
    [(_, send)] = services([url])
    with caplog.at_level(logging.INFO):
        why = send(NOTICE)
    assert why is not None
    assert "403" in why
    assert TOKEN not in why + caplog.text


def test_a_service_that_is_not_there_is_no_success(service: Service) -> None:
    url = service.url()
    service.server.server_close()
    [(_, send)] = services([url])
    assert send(NOTICE) is not None


def test_what_apprise_does_not_understand_is_told_by_its_place_only(service: Service) -> None:
    with pytest.raises(NoService, match="address 2 of STARFILL_ALARM_URLS") as caught:
        services([service.url(), f"nonsense://{TOKEN}"])
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "secret", "harmless"),
    [
        ("tgram://123456789:AAEabcdefghijklmnop/12315544", "123456789:AAEabcdefghijklmnop", "tgram"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord"),
        ("mailto://owner:pa55@example.com?to=a@example.org", "pa55", "example.com"),
        ("mailto://owner:p%40ssword@smtp.example.com:587", "p@ssword", "smtp.example.com:587"),
        ("json://127.0.0.1:8080/aaaabbbbcccc", "aaaabbbbcccc", "127.0.0.1:8080"),
        ("https://hc-ping.com/0b5a2e7c-9d0e-4d0a", "0b5a2e7c-9d0e-4d0a", "hc-ping.com"),
    ],
)  # fmt: skip
def test_what_could_be_a_secret_is_one_and_ordinary_words_are_not(
    url: str, secret: str, harmless: str
) -> None:
    secrets = secrets_of(url)
    assert {url, secret} <= secrets
    assert masked(f"failed at {harmless} with {secret}", secrets) == f"failed at {harmless} with ***"
