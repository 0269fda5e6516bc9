"""`python run.py close` and `flatten`: have sold what Starfill holds, of one symbol or all of it."""

import json
import sys
from contextlib import closing
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from cli.client import Answer, BotClient, Unreachable
from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from cli.reach import bot_of, told_as
from domain.signals import decimal_text
from settings import ConfigurationError
from web.api.exits import SYMBOL, ToBeSoldJson, WhySold
from web.api.exposure import ExposureJson, TradeExposureJson
from web.api.halts import REQUIREMENTS
from web.api.views import TradeJson, time_text
from web.roles import Role

# What was under way when the bot fell silent may have been taken all the same.
ELSE: Final = (
    "do not count on anything being sold. Only a running bot sells: start it with: python run.py, and ask "
    "again, which sells nothing twice. Or sell at the broker: Starfill books that when it runs."
)
NAMED: Final = 10
"""Trades that the question names; of more, their number says enough."""

Symbol = Annotated[str, typer.Argument(help="The stock, as ACME.", show_default=False)]
Why = Annotated[str | None, typer.Option("--reason", help="Why; it is kept.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first; needed where nobody can be asked.")]


def close(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    symbol: Symbol,
    reason: Why = None,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Have sold what Starfill holds of a symbol; shares that are your own stay.

    It is sold once, however often it is asked for, and tried again until nothing is held.
    """
    with configuration_errors():
        if SYMBOL.fullmatch(symbol) is None:
            raise ConfigurationError("the symbol must be in capitals, as ACME or BRK.B")
        _check(reason)
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.OPERATE)) as client:
                told = _told(client, client.close_position(symbol, reason))
        except Unreachable as error:
            fail(f"{error}; {ELSE}", FAILED)
    _show(told, as_json=as_json)


def flatten(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    reason: Why = None,
    yes: Yes = False,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Have everything sold that Starfill holds; shares that are your own stay.

    Signals that come later still trade: to stop them, first `halt --all`.
    """
    with configuration_errors():
        if not yes and not _can_ask():
            raise ConfigurationError(
                "nobody can be asked whether to sell everything; if you mean it, add --yes"
            )
        _check(reason)
        settings = settings_from(context, http, state_dir)
        try:
            with closing(bot_of(settings, Role.OPERATE)) as client:
                if yes or _agreed(told_as(ExposureJson, client, client.read("/api/exposure")).trades):
                    told = _told(client, client.flatten(reason))
                else:
                    told = ToBeSoldJson(trades=())
        except Unreachable as error:
            fail(f"{error}; {ELSE}", FAILED)
    _show(told, as_json=as_json)


def _check(reason: str | None) -> None:
    """Raises ConfigurationError for one that the bot would not take."""
    try:
        WhySold(reason=reason)
    except ValidationError:
        raise ConfigurationError(f"the reason {REQUIREMENTS['reason']}") from None


def _can_ask() -> bool:
    # The question goes to standard error, so that standard output is the answer alone.
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _agreed(trades: tuple[TradeExposureJson, ...]) -> bool:
    """Whether there is anything to be sold; ends the program if it is not to be."""
    if not trades:
        return False
    named = ", ".join(f"{each.symbol} {decimal_text(each.held)}" for each in trades[:NAMED])
    more = f" and {len(trades) - NAMED} more" if len(trades) > NAMED else ""
    if not typer.confirm(f"Sell everything that Starfill holds ({named}{more})?", err=True):
        fail("nothing was asked of the bot, and nothing is sold", FAILED)
    return True


def _told(client: BotClient, answer: Answer) -> ToBeSoldJson:
    if not answer.is_good:
        fail(f"{answer.why()} {answer.body.get('fix', '')}".strip(), FAILED)
    return told_as(ToBeSoldJson, client, answer)


def _show(told: ToBeSoldJson, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told.model_dump(mode="json"), indent=2))
        return
    for trade in told.trades:
        print(f"{trade.symbol}: {_what(trade)} (trade {trade.id}, {_why(trade)})")
    print(
        "how far it is: python run.py trades --open"
        if told.trades
        else "Starfill has no open trade, so there is nothing to sell"
    )


def _what(trade: TradeJson) -> str:
    if not trade.held:
        return "nothing is bought yet; its buy is canceled, and what it still buys is sold"
    return f"its {decimal_text(trade.held)} shares are to be sold"


def _why(trade: TradeJson) -> str:
    since = "" if trade.exit_wanted_at is None else f" since {time_text(trade.exit_wanted_at)}"
    return f"{trade.exit_wanted} by {trade.exit_wanted_by}{since}"
