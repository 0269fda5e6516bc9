"""`python run.py token`: the dashboard's address with the token in it, and new tokens."""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from cli.exits import FAILED, configuration_errors, fail
from cli.flags import AsJson, Http, StateDir, settings_from
from settings import ConfigurationError, Settings
from web.roles import Role
from web.token import NAMES, read_or_create_token, rotate_token


class Kind(StrEnum):
    """Whose token."""

    VIEW = "view"
    OPERATE = "operate"
    ARM = "arm"


ROLES = {Kind.VIEW: Role.VIEW, Kind.OPERATE: Role.OPERATE, Kind.ARM: Role.ARM}

OfRole = Annotated[Kind, typer.Option("--role", help="view reads, operate also acts, arm also lets risk in.")]
Several = Annotated[Kind | None, typer.Option("--role", help="Only this one.", show_default="all three")]
Print = Annotated[
    bool, typer.Option("--print", help="Also where the output is no terminal, and may be kept somewhere.")
]


def application() -> typer.Typer:
    app = typer.Typer(help="Who may open the dashboard and call the API.")
    app.command("show-url")(show_url)
    app.command("rotate")(rotate)
    return app


def show_url(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    role: OfRole = Kind.ARM,
    anywhere: Print = False,
    as_json: AsJson = False,
    http: Http = None,
    state_dir: StateDir = None,
) -> None:
    """Print the dashboard's address with a token behind `#`, which a browser sends to nobody."""
    with configuration_errors():
        settings = settings_from(context, http, state_dir)
        if not anywhere and not (sys.stdout is not None and sys.stdout.isatty()):
            raise ConfigurationError("the token is shown on a terminal only; if you mean it, add --print")
        token = read_or_create_token(settings.state_dir, ROLES[role])
        url = url_with(settings, token)
        print(json.dumps({"url": url, "role": role.value}, indent=2) if as_json else url)


def rotate(
    context: typer.Context,
    role: Several = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Make new tokens. The old ones open nothing any more, and every session of the dashboard ends."""
    with configuration_errors():
        settings = settings_from(context, None, state_dir)
        wanted = [ROLES[role]] if role is not None else list(NAMES)
        settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            for each in wanted:
                rotate_token(settings.state_dir, each)
        except OSError as error:
            fail(
                f"{settings.state_dir} cannot be written ({error.strerror}); see which files are new", FAILED
            )
    names = [NAMES[each] for each in wanted]
    if as_json:
        print(json.dumps({"folder": str(settings.state_dir), "rotated": names}))
        return
    print(
        f"new in {settings.state_dir}: {', '.join(names)}; a running bot takes them from the next request on"
    )


def url_with(settings: Settings, token: str, url: str | None = None) -> str:
    """The dashboard's address that signs its reader in; `url`: where it really listens."""
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return f"{url or f'http://{host}:{settings.http_port}'}/#token={token}"
