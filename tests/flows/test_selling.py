"""What the owner has sold by a running `python run.py`, and what he sees: HTTP, commands, a terminal."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.server import Simulator
from tests.faults.kit import by_hand, state
from tests.flows.conftest import control, oracle
from tests.flows.process import ROOT, Api, environment, started
from tests.flows.test_process import a_signal, filled


@contextmanager
def trading(simulator: Simulator, folder: Path) -> Iterator[Api]:
    """A bot with open trades of ACME and KO at 10 dollars a share, which no rule sells, on an account that
    holds three more of ACME.
    """
    control(simulator, "prices", {"ACME": "10", "KO": "10"})
    by_hand(simulator, "ACME", "buy", "3")
    with started(folder / "state", simulator.base_url) as (_, api):
        for symbol in ("ACME", "KO"):
            assert api.post("/api/signals", a_signal(symbol, price_at_signal=None)).status_code == 202
            filled(api, f"{symbol.lower()}-1")
        yield api


def command(api: Api, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *arguments],
        env=told(api, folder), capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def told(api: Api, folder: Path) -> dict[str, str]:
    given = environment(folder / "state", None, STARFILL_HTTP=api.url.removeprefix("http://"))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("STARFILL_", "APCA_"))}
    return clean | given


def trade(api: Api, symbol: str) -> dict[str, Any]:
    [found] = api.get(f"/api/trades?symbol={symbol}").json()["items"]
    one: dict[str, Any] = found
    return one


def closed(api: Api, symbol: str) -> dict[str, Any]:
    path = f"/api/trades?symbol={symbol}"
    api.until(path, lambda told: told.json()["items"][0]["status"] == "closed", f"the sale of {symbol}")
    return trade(api, symbol)


def sold(simulator: Simulator) -> list[tuple[str, str]]:
    return [(each["symbol"], each["qty"]) for each in oracle(simulator, "accepted") if each["side"] == "sell"]


def held(simulator: Simulator) -> dict[str, str]:
    return {each["symbol"]: each["qty"] for each in state(simulator)["positions"]}


def test_one_symbol_is_sold_and_then_everything_and_the_owners_shares_stay(
    simulator: Simulator, tmp_path: Path
) -> None:
    with trading(simulator, tmp_path) as api:
        done = command(api, tmp_path, "close", "ACME", "--reason", "a rumour", "--json")
        assert done.returncode == 0, done.stderr
        assert [each["symbol"] for each in json.loads(done.stdout)["trades"]] == ["ACME"]
        api.post("/api/positions/ACME/close", {})  # a double click: too late, or told the same
        acme = closed(api, "ACME")
        assert (acme["exit_reason"], acme["exit_price"], acme["pnl"]) == ("manual", "10", "0")
        assert trade(api, "KO")["status"] == "open"
        assert api.post("/api/positions/ACME/close", {}).status_code == 404

        [flat] = api.post("/api/flatten", {}).json()["trades"]
        assert flat["symbol"] == "KO"
        assert closed(api, "KO")["exit_reason"] == "flatten"
        assert api.post("/api/flatten", {}).json() == {"trades": []}
    assert sold(simulator) == [("ACME", acme["shares"]), ("KO", flat["shares"])]
    assert {symbol: float(qty) for symbol, qty in held(simulator).items()} == {"ACME": 3}


def test_what_would_sell_a_trade_and_what_is_at_risk_is_seen(simulator: Simulator, tmp_path: Path) -> None:
    with trading(simulator, tmp_path) as api:
        trade_id = trade(api, "ACME")["id"]
        path = f"/api/trades/{trade_id}"
        api.until(path, lambda told: told.json()["mark_price"] is not None, "the first look at it")
        exits = {way["rule"]: way for way in api.get(path).json()["exits"]}
        assert exits["hard_stop"]["away_pct"] == "-7"
        assert exits["profit_target"]["away_pct"] == "10"
        assert 0 < exits["time_exit"]["away_s"] <= 300
        assert exits["force_close_eod"]["away_s"] > 0  # the market's close has been heard of
        shown = command(api, tmp_path, "trades", "--id", str(trade_id))
        assert shown.returncode == 0, shown.stderr
        assert "force_close_eod" in shown.stdout

        exposure = api.get("/api/exposure").json()
        assert [each["symbol"] for each in exposure["trades"]] == ["ACME", "KO"]
        assert [each["held"] for each in exposure["trades"]] == [
            trade(api, symbol)["shares"] for symbol in ("ACME", "KO")
        ]
        assert exposure["totals"]["held_usd"] == exposure["totals"]["at_risk_usd"]
        assert exposure["today"]["trades"] == 2


def test_on_a_terminal_the_owner_is_asked_before_everything_is_sold(
    simulator: Simulator, tmp_path: Path
) -> None:
    with trading(simulator, tmp_path) as api:
        acme, ko = (trade(api, symbol)["shares"] for symbol in ("ACME", "KO"))
        code, said = on_terminal(api, tmp_path, "n\n")
        assert code == 1
        assert f"Sell everything that Starfill holds (ACME {acme}, KO {ko})?" in said
        assert (trade(api, "ACME")["exit_wanted"], sold(simulator)) == (None, [])
        assert on_terminal(api, tmp_path, "y\n")[0] == 0
        closed(api, "ACME")
        closed(api, "KO")
    assert sorted(sold(simulator)) == [("ACME", acme), ("KO", ko)]


def on_terminal(api: Api, folder: Path, typed: str) -> tuple[int, str]:
    """`flatten` on a terminal of its own, where this is typed; its exit code and what it asked."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "flatten"],
        env=told(api, folder), stdin=theirs, stderr=theirs, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1024)
        os.write(ours, typed.encode())
        code = process.wait(timeout=60)
    os.close(ours)
    return code, said.decode()
