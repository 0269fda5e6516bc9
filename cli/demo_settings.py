"""The demo's settings: play money, whatever the environment says."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from actors.clock import system_clock
from cli.startup import SIMULATOR_FOLDER
from settings import SIMULATOR_KEY, AlarmSettings, ConfigurationError, Settings, load


def demo_settings(
    *,
    mode: str | None,
    broker_url: str | None,
    data_url: str | None,
    http: str | None,
    database: str | None,
    state_dir: Path | None,
    anew: bool = False,
    clock: Callable[[], datetime] = system_clock,
) -> Settings:
    """Settings against the simulator inside the process; raises ConfigurationError.

    `anew`: the demo goes by a time of its own, so its ledger must not have seen another.

    Keys and addresses in the environment are for real accounts, so none of them is used. Without a
    `state_dir` of its own each demo starts with an empty ledger: the positions of the last one would
    turn the same signals into duplicates.
    """
    if mode not in {None, "simulator"} or broker_url is not None or data_url is not None:
        raise ConfigurationError(
            "the demo trades play money on the built-in simulator only; leave out --mode and the URLs"
        )
    own = {"mode": "simulator", "key_id": SIMULATOR_KEY, "secret_key": SIMULATOR_KEY}
    # In place of the environment's, which the mode would not allow; below they give way to the simulator.
    own |= dict.fromkeys(("broker_url", "data_url"), "http://127.0.0.1")
    given = load(**own, http=http, database=database, state_dir=state_dir)
    folder = given.state_dir if state_dir else given.state_dir / "demo" / f"{clock():%Y%m%dT%H%M%S.%f}"
    ledger = given.database if database else folder / "ledger-simulator.sqlite3"
    for used in (ledger, folder / SIMULATOR_FOLDER):
        if anew and used.exists():
            raise ConfigurationError(
                f"the day begins with nothing in the books, and {used} is there already; "
                "leave out --state-dir and --database, or name what is not there yet"
            )
    return given.model_copy(
        update={
            "broker_url": None,
            "data_url": None,
            "key_id": SIMULATOR_KEY,
            "secret_key": SecretStr(SIMULATOR_KEY),
            "state_dir": folder,
            "database": ledger,
            "alarms": AlarmSettings(),
        }
    )
