"""How long a fault goes unnoticed, and once it is over how long until all is well.

    python -m tests.faults.detection ["close" ...]

Each with the timings that the bot has in earnest, against a simulator on this machine. All of them take
about seven minutes; names as arguments choose some.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from domain.messages import ClearHalts, HaltsChanged
from domain.orders import Life
from simulator.server import Simulator, SimulatorSettings
from tests.chaos_proxy import ChaosProxy
from tests.faults.kit import (
    POST,
    bot_at,
    differences,
    eventually,
    fault,
    halts,
    heal,
    order_of,
    placed,
    port_of,
    resting,
)
from tests.flows.conftest import Bot, control

PATIENCE_S = 300.0
ZOMBIE_S = 90.0
"""So long Alpaca has been seen to hold a dead connection's slot."""


@dataclass(frozen=True)
class Scene:
    """A bot whose stream goes through a proxy, with one order that rests."""

    bot: Bot
    simulator: Simulator
    proxy: ChaosProxy
    order: str

    def closed(self) -> bool:
        return not self.bot.parts.board.gate.open

    def fill(self, qty: str | None = None) -> None:
        part = {"qty": qty} if qty else {}
        control(self.simulator, "fill", {"id": self.order, "price": "10", **part})

    def filled(self) -> bool:
        return order_of(self.bot, "acme-1").life is Life.DONE

    def heal(self) -> None:
        self.proxy.heal()
        heal(self.simulator)

    def well(self) -> bool:
        return self.bot.parts.board.gate.open and not differences(self.bot.queries, self.simulator)


@dataclass(frozen=True)
class Case:
    """`noticed`: what shows that the bot knows. `over`: when the fault is, if nobody has to end it."""

    name: str
    breaks: Callable[[Scene], object]
    noticed: Callable[[Scene], object] = Scene.closed
    over: Callable[[Scene], object] = Scene.heal


def half_frame(scene: Scene) -> None:
    fault(scene.simulator, "ws_half_frame", match={"event": "fill"})
    scene.fill()


def drop_then_another(scene: Scene) -> None:
    fault(scene.simulator, "ws_drop_event", match={"event": "partial_fill"})
    scene.fill("1")
    scene.fill("1")


def drop_the_last(scene: Scene) -> None:
    fault(scene.simulator, "ws_drop_event", match={"event": "fill"})
    scene.fill()


def mute_and_order(scene: Scene) -> None:
    fault(scene.simulator, "ws_mute")
    scene.bot.accept(scene.bot.signal("KO"))


def mute_and_fill(scene: Scene) -> None:
    fault(scene.simulator, "ws_mute")
    scene.fill()


def black_hole(scene: Scene) -> None:
    scene.proxy.blackhole()
    scene.fill()


def zombie(scene: Scene) -> None:
    fault(scene.simulator, "zombie_slot", seconds=ZOMBIE_S)
    fault(scene.simulator, "ws_close", code=1001)
    scene.fill()


def zombie_gone(scene: Scene) -> None:
    time.sleep(ZOMBIE_S - 5)


def lost_reply(scene: Scene) -> None:
    fault(scene.simulator, "ws_mute")
    fault(scene.simulator, "accept_then_drop", match=POST)
    scene.bot.accept(scene.bot.signal("KO"))


def found_at_the_broker(scene: Scene) -> bool:
    trade = scene.bot.view("ko-1").trade
    return trade is not None and trade.alpaca_order_id is not None


def untold_split(scene: Scene) -> None:
    fault(
        scene.simulator, "status", status=200, body=[],
        match={"method": "GET", "path": "/v2/account/activities*", "n": None},
    )  # fmt: skip
    scene.fill("2")
    eventually(lambda: order_of(scene.bot, "acme-1").filled_qty == Decimal(2), "the partial fill")
    fault(scene.simulator, "split", symbol="ACME", ratio="2")


def take_its_word(scene: Scene) -> None:
    """A person has seen it."""
    scene.heal()
    clear = ClearHalts(scope="ACME", by="test", reason="a split")
    scene.bot.parts.ledger.ask(clear, HaltsChanged, timeout=10)


def unreadable(scene: Scene) -> None:
    fault(scene.simulator, "status", status=503, match={"method": "GET", "path": "/v2/*", "n": None})


CASES = [
    Case("close", lambda s: fault(s.simulator, "ws_close", code=1001)),
    Case("reset", lambda s: s.proxy.reset_peer()),
    Case("blackhole", black_hole),
    Case("half_frame", half_frame),
    Case("never_pong", lambda s: fault(s.simulator, "ws_never_pong")),
    Case("mute, an order is sent", mute_and_order),
    Case("mute, an order is filled", mute_and_fill),
    Case(
        "drop_event, another follows", drop_then_another, lambda s: order_of(s.bot, "acme-1").filled_qty == 2
    ),
    Case("drop_event, the last", drop_the_last, Scene.filled),
    Case("zombie slot of 90 s", zombie, lambda s: "HTTP 429" in s.bot.parts.board.gate.reason, zombie_gone),
    Case("reply to a POST lost", lost_reply, found_at_the_broker),
    Case("account unreadable", unreadable),
    Case("clock off by an hour", lambda s: fault(s.simulator, "clock_offset", seconds=3600)),
    Case("shares nobody explains", untold_split, lambda s: "ACME" in halts(s.bot), take_its_word),
]


def measured(case: Case, folder: Path) -> tuple[float, float]:
    """Seconds until it was noticed, and from its end until gate and books were well again."""
    settings = SimulatorSettings(
        folder=folder / "simulator", fill_delay_s=0.0, partial_fill_share=Decimal(0), rate_limit_per_min=0
    )
    with (
        Simulator(settings) as simulator,
        ChaosProxy("127.0.0.1", port_of(simulator)) as proxy,
        bot_at(simulator.base_url, folder / "state", feed={"base_url": proxy.url}) as bot,
    ):
        bot.gate(is_open=True)
        resting(simulator)
        scene = Scene(bot, simulator, proxy, str(placed(bot, "ACME").broker_order_id))
        began = time.monotonic()
        case.breaks(scene)
        eventually(lambda: case.noticed(scene), f"{case.name} to be noticed", PATIENCE_S)
        noticed = time.monotonic() - began
        case.over(scene)
        over = time.monotonic()
        eventually(scene.well, f"all to be well after {case.name}", PATIENCE_S)
        return noticed, time.monotonic() - over


def main(*names: str) -> None:
    logging.disable()
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"{'fault':30} {'noticed after':>15} {'well again after':>18}")
    for case in CASES:
        if not names or case.name in names:
            with tempfile.TemporaryDirectory() as folder:
                noticed, well = measured(case, Path(folder))
            out.print(f"{case.name:30} {noticed:13.2f} s {well:16.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
