"""Where Starfill runs, against whom, with which keys: from the environment, `.env`, and flags.

A flag overrides the variable of the same name. Secrets are `SecretStr`: their repr is asterisks.
"""

from enum import IntEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Mode = Literal["simulator", "paper", "live"]

BROKER_URLS: Final[dict[Mode, str]] = {
    "paper": "https://paper-api.alpaca.markets",
    "live": "https://api.alpaca.markets",
}
DATA_URL: Final = "https://data.alpaca.markets"
SIMULATOR_KEY: Final = "simulator"
LIVE_KEY_PREFIX: Final = "AK"
PAPER_KEY_PREFIX: Final = "PK"


class Exit(IntEnum):
    """What the process ends with, for supervisord and scripts."""

    CLEAN = 0
    DIFFERENT = 1  # the demo's ledger and the simulator's oracle disagree
    CONFIGURATION = 64
    INTERNAL = 70
    ALREADY_RUNNING = 75
    KEYS_REFUSED = 77


class ConfigurationError(Exception):
    """The configuration cannot be used; the text is one sentence for the owner, with what to do."""


class Environment(BaseSettings):
    """The variables as they stand; nothing is decided here."""

    model_config = SettingsConfigDict(
        env_prefix="STARFILL_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    mode: Mode | None = None
    broker_url: str | None = None
    data_url: str | None = None
    database: str | None = None
    http: str = "127.0.0.1:8787"
    state_dir: Path = Path("var")
    confirm_live: str | None = None
    lanes: int = Field(default=8, ge=1, le=64)
    key_id: str | None = Field(default=None, validation_alias=AliasChoices("APCA_API_KEY_ID", "key_id"))
    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_SECRET_KEY", "secret_key")
    )


class Settings(BaseModel):
    """Everything that `run.py` builds the bot from, checked and complete."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    mode: Mode
    broker_url: str | None
    """None: the simulator inside this process."""
    data_url: str | None
    key_id: str
    secret_key: SecretStr
    database: Path
    http_host: str
    http_port: int
    """0: any free port."""
    state_dir: Path
    confirm_live: str | None
    """The account number that the owner typed to allow live trading."""
    lanes: int


def load(**flags: object) -> Settings:
    """The settings from flags (None: not given), environment and `.env`; raises ConfigurationError."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        env = Environment(**given)  # type: ignore[arg-type] # checked by the model itself
    except ValidationError as error:
        faults = "; ".join(f"{_variable(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"a setting is not usable: {faults}") from None
    mode = env.mode or ("paper" if env.key_id else "simulator")
    state_dir = env.state_dir.expanduser().resolve()
    host, port = _http(env.http)
    key_id, secret_key = _keys(env, mode)
    broker_url = env.broker_url or BROKER_URLS.get(mode)
    return Settings(
        mode=mode,
        broker_url=_url("STARFILL_BROKER_URL", broker_url),
        data_url=_url("STARFILL_DATA_URL", env.data_url or _data_url(env, mode)),
        key_id=key_id,
        secret_key=secret_key,
        database=_database(env.database, state_dir, mode),
        http_host=host,
        http_port=port,
        state_dir=state_dir,
        confirm_live=env.confirm_live,
        lanes=env.lanes,
    )


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "?"
    return name if name.startswith("APCA_") else "STARFILL_" + name.upper()


def _keys(env: Environment, mode: Mode) -> tuple[str, SecretStr]:
    if mode == "simulator" and env.key_id is None:
        return SIMULATOR_KEY, SecretStr(SIMULATOR_KEY)
    if not env.key_id or env.secret_key is None or not env.secret_key.get_secret_value():
        raise ConfigurationError(
            f"{mode} mode needs both APCA_API_KEY_ID and APCA_API_SECRET_KEY; without keys, "
            "STARFILL_MODE=simulator trades against the built-in simulator"
        )
    if env.broker_url is None:
        _fits(env.key_id, mode)
    return env.key_id, env.secret_key


def _fits(key_id: str, mode: Mode) -> None:
    if mode == "live" and key_id.startswith(PAPER_KEY_PREFIX):
        raise ConfigurationError(
            "STARFILL_MODE is live, but the key is a paper key (PK…); nothing was started"
        )
    if mode == "paper" and key_id.startswith(LIVE_KEY_PREFIX):
        raise ConfigurationError(
            "the key is a live key (AK…), but the mode is paper; live trading needs STARFILL_MODE=live"
        )


def _data_url(env: Environment, mode: Mode) -> str | None:
    return env.broker_url if mode == "simulator" else DATA_URL


def _url(name: str, url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{name} is not an http(s) address; for example http://127.0.0.1:8788")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"{name} would send the keys unencrypted to {parts.hostname}; use https, or a loopback address"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _http(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ConfigurationError(f"STARFILL_HTTP is {text!r}; it has to be HOST:PORT, as 127.0.0.1:8787")
    host = host.strip("[]")
    if not is_loopback(host):
        raise ConfigurationError(
            f"STARFILL_HTTP would listen on {host}, beyond this machine; "
            "bind 127.0.0.1 and put a TLS proxy before it"
        )
    return host, int(port)


def _database(url: str | None, state_dir: Path, mode: Mode) -> Path:
    """A ledger a mode: simulated trades never stand beside real ones."""
    if url is None:
        return state_dir / f"ledger-{mode}.sqlite3"
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise ConfigurationError(
            "STARFILL_DATABASE has to be sqlite:///PATH; other databases are not supported by this release"
        )
    return Path(url.removeprefix(prefix)).expanduser().resolve()
