"""`python run.py simulator`: the Alpaca look-alike by itself, for any client."""

import signal
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import configuration_errors, fail
from cli.flags import RootFlags, StateDir
from settings import Exit, environment, resolved

if TYPE_CHECKING:
    from simulator.server import Simulator
    from simulator.settings import SimulatorSettings


def command(  # noqa: PLR0917 - typer makes the flags from them
    context: typer.Context,
    port: Annotated[int, typer.Option(help="0: any free one.", min=0, max=65535)] = 8788,
    folder: Annotated[
        Path | None, typer.Option(help="Its books. Default: STATE_DIR/simulator-PORT.", show_default=False)
    ] = None,
    hours: Annotated[str, typer.Option(help="When it trades: always or new_york.")] = "always",
    seed: Annotated[int, typer.Option(help="Prices and partial fills follow from it.")] = 7,
    state_dir: StateDir = None,
) -> None:
    """Run the simulator until Ctrl-C: trading, /stream and market data on one port."""
    # The bot shares this command line, and need not carry a simulator's server in its memory.
    from simulator.server import Simulator
    from simulator.settings import SimulatorSettings

    if hours not in {"always", "new_york"}:
        fail("--hours is always or new_york", Exit.CONFIGURATION)
    root = context.find_object(RootFlags) or RootFlags()
    books = folder or _state_dir(state_dir or root.state_dir) / f"simulator-{port}"
    settings = SimulatorSettings(
        port=port, folder=books, seed=seed, hours="new_york" if hours == "new_york" else "always"
    )
    # Both signals only set an event: the books are closed by the thread that opened them.
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    simulator = Simulator(settings)
    _start(simulator, settings)
    print(f"simulator  {simulator.base_url}")
    print(f"keys       {settings.key_id} / {settings.secret_key}")
    print(f"books      {books}", flush=True)
    stop.wait()
    simulator.stop()


def _start(simulator: "Simulator", settings: "SimulatorSettings") -> None:
    try:
        simulator.start()
    except OSError as error:
        if error.filename is None:  # a socket's fault; a file's has its name
            fault = f"cannot listen on port {settings.port} ({error.strerror}); choose another with --port"
        else:
            fault = (
                f"cannot keep its books in {settings.folder} ({error.strerror}); "
                "choose another folder with --folder"
            )
        fail(f"the simulator {fault}", Exit.CONFIGURATION)


def _state_dir(given: Path | None) -> Path:
    # The variable alone: the simulator needs none of the bot's other settings to be usable.
    with configuration_errors():
        return resolved("STARFILL_STATE_DIR", given or environment().state_dir)
