"""Finds the running bot by the settings: its address, and the token in its state folder."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Final, NoReturn, TypeVar
from urllib.parse import urlencode

from pydantic import ValidationError

from cli.client import Answer, BotClient, NotTold, Unreachable
from cli.exits import FAILED, START_IT, fail
from domain.values import Message
from settings import ConfigurationError, Settings
from web.api.views import ListJson
from web.roles import Role
from web.token import NAMES, read_token

M = TypeVar("M", bound=Message)
Item = TypeVar("Item")
PAGE: Final = 100


def give_up(error: Unreachable) -> NoReturn:
    """End the program with what is the case and, where nobody answers, how to start the bot."""
    fail(with_advice(error), FAILED)


def with_advice(error: Unreachable) -> str:
    """What is the case; where nobody answers, also how to start the bot."""
    return str(error) if isinstance(error, NotTold) else f"{error}; {START_IT}"


def bot_of(settings: Settings, role: Role) -> BotClient:
    """A client of the bot with these settings, with the token of the role that its work needs.

    Raises ConfigurationError, TokenUnusable, Unreachable.
    """
    if not settings.http_port:
        raise ConfigurationError("STARFILL_HTTP names port 0; give the bot's own address with --http")
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    try:
        token = read_token(settings.state_dir, role)
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(
            f"{settings.state_dir} has no {NAMES[role]}, so no bot has been started with it "
            "(another folder is named with --state-dir)"
        ) from None
    except OSError as error:
        raise Unreachable(f"the token in {settings.state_dir} cannot be read ({error.strerror})") from None
    return BotClient(f"http://{host}:{settings.http_port}", token)


def listed(
    page: type[ListJson[Item]],
    settings: Settings,
    path: str,
    wanted: Mapping[str, str | None],
    most: int | None = None,
) -> list[Item]:
    """The first `most` items (None: all) of one of the API's lists; None of `wanted` is left out.

    Ends the program where they cannot be had. Raises ConfigurationError, TokenUnusable.
    """
    try:
        with closing(bot_of(settings, Role.VIEW)) as client:
            return list(islice(_pages(page, client, path, wanted, min(most or PAGE, PAGE)), most))
    except Unreachable as error:
        give_up(error)


def _pages(
    page: type[ListJson[Item]], client: BotClient, path: str, wanted: Mapping[str, str | None], limit: int
) -> Iterator[Item]:
    asked = {name: value for name, value in wanted.items() if value is not None} | {"limit": str(limit)}
    while True:
        told = told_as(page, client, client.read(f"{path}?{urlencode(asked, errors='replace')}"))
        yield from told.items
        if told.next is None:
            return
        asked["cursor"] = told.next


def told_as(kind: type[M], client: BotClient, answer: Answer) -> M:
    """The answer as what it should be; raises NotTold for a refusal, or what is none of Starfill's."""
    if not answer.is_good:
        raise NotTold(f"the bot at {client.url} does not tell: {answer.why()}")
    try:
        return kind.model_validate(answer.body, strict=False)
    except ValidationError:
        raise NotTold(
            f"another program than Starfill answers at {client.url}, or another version of it"
        ) from None
