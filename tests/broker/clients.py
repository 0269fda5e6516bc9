"""The client under test and the order it is given."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import SecretStr

from broker.rest import AlpacaRest
from domain.orders import OrderTicket

BASE = "https://paper-api.alpaca.markets"
DATA = "https://data.alpaca.markets"
KEY_ID = "PKTEST0000000000"
SECRET = "not-a-real-secret"
CLIENT_ORDER_ID = "sf-abcdefghijklmnopqrstuvwxyz"

BUY = OrderTicket(
    client_order_id=CLIENT_ORDER_ID,
    symbol="ACME",
    side="buy",
    notional=Decimal(75),
    post_until=datetime(2026, 11, 12, 15, 1, tzinfo=UTC),
)


def a_client(
    base_url: str = BASE,
    *,
    data_url: str = DATA,
    connect_timeout_s: float = 3.0,
    read_timeout_s: float = 10.0,
    total_timeout_s: float = 15.0,
    rate_per_min: int = 0,
    ca_bundle: str | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> AlpacaRest:
    return AlpacaRest(
        base_url=base_url,
        data_url=data_url,
        key_id=KEY_ID,
        secret_key=SecretStr(SECRET),
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        total_timeout_s=total_timeout_s,
        rate_per_min=rate_per_min,
        ca_bundle=ca_bundle,
        monotonic=monotonic,
        wall=wall,
    )
