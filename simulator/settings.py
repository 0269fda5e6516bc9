"""What a simulator is told at its start, and the switches that may be turned while it runs.

Each switch below `binary_frames` answers a question that Alpaca's documents leave open; its default is the
best supported answer. `POST /_sim/switches` turns them on a running simulator.
"""

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, get_args, get_type_hints

_FIXED = frozenset({"host", "port", "folder", "synced", "seed", "starting_cash"})


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """Seconds end in `_s`, money is dollars."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port."""
    folder: Path | None = None
    """Holds book.jsonl and oracle.jsonl; None: both stay in memory."""
    synced: bool = True
    """Whether each line of them is on disk before anyone hears of it; else a power cut may cost the last."""
    key_id: str = "simulator"
    secret_key: str = field(default="simulator", repr=False)
    seed: int = 7
    partial_fill_share: Decimal = Decimal("0.1")
    """The share of orders that fill in parts, 0 to 1."""
    fill_delay_s: float = 0.05
    """From acceptance to the first execution; further parts follow at the same spacing."""
    hours: Literal["always", "new_york"] = "always"
    rate_limit_per_min: int = 200
    """Requests to the trading API in a minute of the clock; 0: no limit."""
    starting_cash: Decimal = Decimal(100000)
    binary_frames: bool = True

    auto_fill: bool = True
    """False: nothing executes but what `POST /_sim/fill` orders."""
    notional_cent_short: bool = True
    """A notional order spends one cent less than asked."""
    notional_remainder: Literal["kept", "canceled"] = "kept"
    """What becomes of a notional order's rest after a partial fill."""
    cash_nets_open_buys: bool = False
    buying_power_extras: bool = False
    """Whether the refusal for want of buying power carries buying_power and cost_basis."""
    qty_and_notional_status: Literal[422, 400] = 422
    wash_trade_status: Literal[403, 422] = 403
    day_order_end: Literal["expired", "canceled"] = "expired"
    pending_cancel: bool = False
    """Whether a cancel is first seen as pending_cancel, and done fill_delay_s later."""
    accepted_event: bool = False
    """Whether the stream tells of an order accepted while the market is closed."""
    fractional_extended_hours: bool = False
    """Whether fractional orders may be for extended hours, and assets say so (fractional_eh_enabled)."""
    account_fields: Literal["current", "lean", "historic"] = "current"
    """lean: without buying power and whatever else a client can't count on; historic: with the fields of the
    pattern day trader rule, which went in 2026."""
    execution_id_on_new: bool = True
    """False: `new` carries a null execution_id, as `pending_new` always does."""
    rate_limit_body: Literal["json", "empty", "text"] = "json"
    stream_connections: Literal["many", "one"] = "many"
    """one: a second handshake on /stream is answered 429."""
    stream_reap_s: float = 0.0
    """With "one": how long a connection that ended without a close frame keeps its slot."""
    stream_auth_deadline_s: float = 0.0
    """A stream not authorized by then is closed; 0: no deadline."""


class Switchboard:
    """The settings in force; its readers keep the board, never the settings. Used on the loop's thread."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.now = settings

    def turn(self, changes: dict[str, object]) -> None:
        """Raises ValueError for a name that isn't a switch, or a value that isn't one of its kind."""
        names = {each.name for each in fields(SimulatorSettings)} - _FIXED
        unknown = sorted(set(changes) - names)
        if unknown:
            raise ValueError(f"not a switch: {', '.join(unknown)}")
        hints = get_type_hints(SimulatorSettings)
        read = {name: _read(name, hints[name], value) for name, value in changes.items()}
        self.now = replace(self.now, **read)  # type: ignore[arg-type]  # _read has checked each kind


def _read(name: str, kind: object, value: object) -> object:
    if kind is Decimal and isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError(f"{name}: not a number: {value!r}") from None
    if kind is float and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    allowed = get_args(kind)
    if allowed and value in allowed:
        return value
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise ValueError(f"{name}: {value!r} won't do, it takes {allowed or kind}")
