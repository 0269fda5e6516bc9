"""Where Starfill runs, against whom, with which keys: from the environment, the `.env` beside run.py, flags.

A flag overrides the variable of the same name. Secrets are `SecretStr`: their repr is asterisks.
"""

import os
import re
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Mode = Literal["simulator", "paper", "live"]

BROKER_URLS: Final[dict[Mode, str]] = {
    "paper": "https://paper-api.alpaca.markets",
    "live": "https://api.alpaca.markets",
}
DATA_URL: Final = "https://data.alpaca.markets"
OTHER_MODES: Final[dict[Mode, Mode]] = {"paper": "live", "live": "paper"}
"""Of the modes that trade at a broker, the other one."""
SIMULATOR_KEY: Final = "simulator"
LIVE_KEY_PREFIX: Final = "AK"
PAPER_KEY_PREFIX: Final = "PK"

HOME = Path(__file__).parent
"""Where run.py is: `.env` and the state folder lie beside it, wherever it is started from."""
ENV_FILE = HOME / ".env"
OTHERS: Final = 0o077
_SECRET_LINE: Final = re.compile(
    r"^\s*(?:export\s+)?['\"]?(?:(?:APCA_API_)?SECRET_KEY|STARFILL_(?:ALARM_URLS|DEADMAN_URL))",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_URL: Final = re.compile(r"[,\s]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""A comma may be part of an address; where another address follows, it is none."""
_PUBLIC_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_NETLOC: Final = re.compile(r"[\w.:\[\]-]+", re.ASCII)
"""What an address may consist of. Beyond it (userinfo, backslashes, full-width dots) the HTTP library may
see another host than `urlsplit`, and the live host would pass as a harmless one."""


Networks = tuple[IPv4Network | IPv6Network, ...]


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
        env_prefix="STARFILL_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    mode: Mode | None = None
    broker_url: str | None = None
    data_url: str | None = None
    database: str | None = None
    http: str = "127.0.0.1:8787"
    state_dir: Path = Field(default_factory=lambda: HOME / "var")
    confirm_live: str | None = None
    lanes: int = Field(default=8, ge=1, le=64)
    public_host: str | None = None
    trusted_proxies: str = ""
    tradingview_addresses: str | None = None
    signals_per_minute: int = Field(default=120, ge=1, le=60_000)
    alarm_urls: SecretStr = SecretStr("")
    alarms: str = ""
    alarm_gate_s: int = Field(default=60, ge=5, le=86_400)
    deadman_url: SecretStr = SecretStr("")
    crash_at: str | None = None
    key_id: str | None = Field(default=None, validation_alias=AliasChoices("APCA_API_KEY_ID", "key_id"))
    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("APCA_API_SECRET_KEY", "secret_key")
    )


class AlarmSettings(BaseModel):
    """Who is told what, and who is told that the bot lives. The addresses hold passwords."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    urls: tuple[SecretStr, ...] = ()
    """As Apprise understands them; each is a channel."""
    kinds: str = ""
    """Which kinds of alarms are sent, as the owner wrote it."""
    gate_s: int = 60
    """A gate that is closed for so many seconds is an alarm."""
    deadman_url: SecretStr | None = None
    """Called every minute while all is well."""


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
    public_host: str | None = None
    """The name a TLS proxy is reached by; alerts and signed signals may bear it."""
    trusted_proxies: Networks = ()
    """Whose `X-Forwarded-For` is believed."""
    tradingview_addresses: Networks | None = None
    """Where TradingView's alerts may come from; None: from where it says that they do."""
    signals_per_minute: int = 120
    """What a source with keys of its own may send."""
    alarms: AlarmSettings = AlarmSettings()
    crash_at: str | None = None
    """Where to die, for the crash test: `failpoint.arm` reads it."""


def load(**flags: object) -> Settings:
    """The settings from flags (None: not given), environment and `.env`; raises ConfigurationError."""
    env = environment(**flags)
    mode = env.mode or ("paper" if env.key_id else "simulator")
    state_dir = resolved("STARFILL_STATE_DIR", env.state_dir)
    host, port = _http(env.http)
    key_id, secret_key = _keys(env, mode)
    broker_url = _url("STARFILL_BROKER_URL", env.broker_url or BROKER_URLS.get(mode))
    if broker_url is not None:
        _fits(key_id, mode, _host(broker_url))
    data_url = env.data_url or (broker_url if mode == "simulator" else DATA_URL)
    return Settings(
        mode=mode,
        broker_url=broker_url,
        data_url=_url("STARFILL_DATA_URL", data_url),
        key_id=key_id,
        secret_key=secret_key,
        database=_database(env.database, state_dir, mode),
        http_host=host,
        http_port=port,
        state_dir=state_dir,
        confirm_live=env.confirm_live,
        lanes=env.lanes,
        public_host=_public_host(env.public_host),
        trusted_proxies=_networks("STARFILL_TRUSTED_PROXIES", env.trusted_proxies),
        tradingview_addresses=(
            _networks("STARFILL_TRADINGVIEW_ADDRESSES", env.tradingview_addresses)
            if env.tradingview_addresses
            else None
        ),
        signals_per_minute=env.signals_per_minute,
        alarms=alarms_of(env),
        crash_at=env.crash_at or None,
    )


def alarms_of(env: Environment) -> AlarmSettings:
    """Who is to be told; raises ConfigurationError, without the address."""
    urls = [url for url in _NEXT_URL.split(env.alarm_urls.get_secret_value().strip(", \n\t")) if url]
    deadman = env.deadman_url.get_secret_value().strip()
    parts = _parts(deadman)
    if deadman and (parts is None or parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ConfigurationError(
            "STARFILL_DEADMAN_URL is not an http(s) address; for example https://hc-ping.com/your-uuid"
        )
    return AlarmSettings(
        urls=tuple(map(SecretStr, urls)),
        kinds=env.alarms,
        gate_s=env.alarm_gate_s,
        deadman_url=SecretStr(deadman) if deadman else None,
    )


def environment(**flags: object) -> Environment:
    """The variables, overridden by the flags that are not None; raises ConfigurationError."""
    _check_env_file(ENV_FILE)
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Environment(_env_file=ENV_FILE, **given)  # type: ignore[arg-type] # checked by the model itself
    except ValidationError as error:
        faults = "; ".join(f"{_variable(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"a setting is not usable: {faults}") from None


def resolved(name: str, path: Path) -> Path:
    """The path in full; raises ConfigurationError."""
    try:
        return path.expanduser().resolve()
    except (RuntimeError, ValueError, OSError):  # no such user, a null byte, a loop of links
        raise ConfigurationError(f"{name} is not a usable path; name it in full, from /") from None


def _check_env_file(path: Path) -> None:
    """What the settings' library would end with a traceback for, or would not mind at all."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as such") from None
    if mode & OTHERS and _SECRET_LINE.search(text):
        raise ConfigurationError(
            f"{path} holds secrets and can be read by others on this machine; "
            f"keep it to yourself with: chmod 600 {path}"
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
    _check_key("APCA_API_KEY_ID", env.key_id)
    _check_key("APCA_API_SECRET_KEY", env.secret_key.get_secret_value())
    return env.key_id, env.secret_key


def _check_key(name: str, value: str) -> None:
    """As `broker.keys` will want it, told here without the value."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{name} has characters that no key has, perhaps a space or a line end")


def _fits(key_id: str, mode: Mode, host: str) -> None:
    """Real money is reached in live mode only, where the owner is asked to confirm it."""
    if host == _host(BROKER_URLS["live"]) and mode != "live":
        raise ConfigurationError(
            f"STARFILL_BROKER_URL is the live account's, but the mode is {mode}; "
            "live trading needs STARFILL_MODE=live"
        )
    if host == _host(BROKER_URLS["paper"]) and mode == "live":
        raise ConfigurationError(
            "STARFILL_MODE is live, but STARFILL_BROKER_URL is the paper account's; nothing was started"
        )
    if is_loopback(host):
        return
    if mode == "live" and key_id.startswith(PAPER_KEY_PREFIX):
        raise ConfigurationError(
            "STARFILL_MODE is live, but the key is a paper key (PK…); nothing was started"
        )
    if mode != "live" and key_id.startswith(LIVE_KEY_PREFIX):
        raise ConfigurationError(
            f"the key is a live key (AK…), but the mode is {mode}; live trading needs STARFILL_MODE=live"
        )


def _host(url: str) -> str:
    """The host of a checked address; a dot at its end means the same host."""
    return (urlsplit(url).hostname or "").rstrip(".")


def _url(name: str, url: str | None) -> str | None:
    if url is None:
        return None
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{name} is not an http(s) address; for example http://127.0.0.1:8788")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"{name} would send the keys unencrypted to {parts.hostname}; use https, or a loopback address"
        )
    return url.rstrip("/")


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    # `urlsplit` drops tabs and line ends without a word; whoever connects may not.
    plain = url.isprintable() and " " not in url and _NETLOC.fullmatch(parts.netloc)
    return parts if plain else None


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
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - the highest
        raise ConfigurationError(f"STARFILL_HTTP is {text!r}; it has to be HOST:PORT, as 127.0.0.1:8787")
    host = host.strip("[]")
    if not is_loopback(host):
        raise ConfigurationError(
            f"STARFILL_HTTP would listen on {host}, beyond this machine; "
            "bind 127.0.0.1 and put a TLS proxy before it"
        )
    return host, int(port)


def _public_host(text: str | None) -> str | None:
    if not text:
        return None
    if _PUBLIC_HOST.fullmatch(text.lower()) is None:
        raise ConfigurationError(
            f"STARFILL_PUBLIC_HOST is {text!r}; it has to be the proxy's host name alone, as bot.example.com"
        )
    return text.lower()


def _networks(name: str, text: str) -> Networks:
    """The addresses and networks that stand in a list with commas."""
    try:
        networks = tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError:
        raise ConfigurationError(
            f"{name} is {text!r}; it has to be IP addresses with commas between, as 127.0.0.1,10.0.0.0/8"
        ) from None
    if any(not network.prefixlen for network in networks):
        raise ConfigurationError(f"{name} names every address there is; name those that are meant")
    return networks


def ledger_in(state_dir: Path, mode: Mode) -> Path:
    """Where the mode's ledger is, unless STARFILL_DATABASE names another place."""
    return state_dir / f"ledger-{mode}.sqlite3"


def _database(url: str | None, state_dir: Path, mode: Mode) -> Path:
    """A ledger a mode: simulated trades never stand beside real ones."""
    if url is None:
        return ledger_in(state_dir, mode)
    prefix = "sqlite:///"
    if not url.startswith(prefix) or len(url) == len(prefix):
        raise ConfigurationError(
            "STARFILL_DATABASE has to be sqlite:///PATH; other databases are not supported by this release"
        )
    return resolved("STARFILL_DATABASE", Path(url.removeprefix(prefix)))
