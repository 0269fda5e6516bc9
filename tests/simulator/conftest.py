"""A simulator for a test, raw HTTP to it, and an ear on its stream."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
import requests
import websocket

from simulator.server import Simulator, SimulatorSettings

KEYS = {"APCA-API-KEY-ID": "simulator", "APCA-API-SECRET-KEY": "simulator"}
TIMEOUT_S = 5.0


@dataclass
class Api:
    """Raw HTTP with the simulator's keys; a connection of its own."""

    base_url: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("headers", KEYS)
        return self.session.request(method, self.base_url + path, timeout=TIMEOUT_S, **kwargs)

    def order(self, **changes: Any) -> requests.Response:
        order = {"symbol": "ACME", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        wanted = {name: value for name, value in {**order, **changes}.items() if value is not None}
        return self("POST", "/v2/orders", json=wanted)

    def get(self, path: str, **params: str) -> Any:
        answer = self("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sim(self, path: str, body: Any) -> Any:
        answer = self("POST", f"/_sim/{path}", json=body, headers={})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def held(self, symbol: str = "ACME") -> Decimal:
        return next(
            (Decimal(p["qty"]) for p in self.get("/v2/positions") if p["symbol"] == symbol), Decimal()
        )


@dataclass
class Ear:
    """A connection to the stream; by default it is authorized and listening."""

    socket: websocket.WebSocket

    def send(self, message: Any) -> None:
        self.socket.send(json.dumps(message))

    def frame(self) -> Any:
        return json.loads(self.socket.recv())

    def ask(self, message: Any) -> Any:
        self.send(message)
        return self.frame()

    def listen(self) -> None:
        self.ask({"action": "auth", "key": "simulator", "secret": "simulator"})
        answer = self.ask({"action": "listen", "data": {"streams": ["trade_updates"]}})
        assert answer == {"stream": "listening", "data": {"streams": ["trade_updates"]}}

    def until(self, event: str) -> list[Any]:
        """The data of all frames up to and with the next of this event."""
        heard: list[Any] = []
        while not heard or heard[-1]["event"] != event:
            heard.append(self.frame()["data"])
        return heard


Connect = Callable[..., Ear]
Start = Callable[..., Simulator]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators that execute at once and whole, unless told otherwise."""
    with ExitStack() as stack:

        def started(**changes: Any) -> Simulator:
            settings = {"fill_delay_s": 0.0, "partial_fill_share": Decimal(0), **changes}
            return stack.enter_context(Simulator(SimulatorSettings(**settings)))

        yield started


@pytest.fixture
def simulator(start: Start) -> Simulator:
    return start()


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    found = Api(simulator.base_url)
    yield found
    found.session.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    with ExitStack() as stack:

        def connected(simulator: Simulator, *, listen: bool = True, **options: Any) -> Ear:
            url = simulator.base_url.replace("http", "ws") + "/stream"
            socket = websocket.create_connection(url, timeout=TIMEOUT_S, **options)
            stack.callback(socket.shutdown)
            ear = Ear(socket)
            if listen:
                ear.listen()
            return ear

        yield connected


@pytest.fixture
def ear(simulator: Simulator, connect: Connect) -> Ear:
    return connect(simulator)
