"""The demo's settings: play money, whatever the environment says."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from actors.clock import system_clock
from settings import SIMULATOR_KEY, ConfigurationError, Settings, load


def demo_settings(
    *,
    mode: str | None,
    broker_url: str | None,
    data_url: str | None,
    http: str | None,
    database: str | None,
    state_dir: Path | None,
    clock: Callable[[], datetime] = system_clock,
) -> Settings:
    """Settings against the simulator inside the process; raises ConfigurationError.

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
    return given.model_copy(
        update={
            "broker_url": None,
            "data_url": None,
            "key_id": SIMULATOR_KEY,
            "secret_key": SecretStr(SIMULATOR_KEY),
            "state_dir": folder,
            "database": given.database if database else folder / "ledger-simulator.sqlite3",
        }
    )
