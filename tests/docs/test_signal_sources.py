"""The examples of `docs/signal-sources.md`, run as they stand against a bot's API with a key of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from actors.clock import system_clock
from tests.docs.pages import DOCS, blocks
from tests.flows.process import started
from tests.web.conftest import NOW
from web.sources.key_file import add_source
from web.sources.tradingview import mapped

PAGE: Final = DOCS / "signal-sources.md"
FILLED_IN: Final = {
    "{{exchange}}": "NASDAQ",
    "{{ticker}}": "ACME",
    "{{close}}": "101.25",
    "{{time}}": "2026-11-12T14:55:00Z",
    "{{timenow}}": "2026-11-12T15:00:00Z",
    "{{strategy.order.id}}": "long entry",
    "{{strategy.order.action}}": "buy",
    "{{strategy.market_position}}": "long",
}
"""What TradingView puts in place of these (tradingview.com/support/solutions/43000531021)."""


def examples(kind: str) -> list[str]:
    return [block.text for block in blocks(PAGE) if block.info == kind]


def test_the_signing_examples_are_taken_in(tmp_path: Path) -> None:
    with started(tmp_path / "var", None) as (_, api):
        secrets = add_source(tmp_path / "var", "news-desk", "signed", system_clock)
        given = {"STARFILL_URL": api.url, "KEY_ID": secrets.key_id, "SECRET": secrets.secret}
        [in_python], [in_shell] = examples("python"), examples("bash example")
        for command in ([sys.executable, "-c", in_python], ["bash", "-euo", "pipefail", "-c", in_shell]):
            done = subprocess.run(
                command, env=os.environ | given, capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, done.stderr
        for signal_id in ("python-1", "shell-1"):
            assert api.get(f"/api/signals/{signal_id}").json()["source"] == "news-desk"


@pytest.mark.parametrize("template", examples("json"))
def test_an_alert_template_is_a_signal_once_tradingview_has_filled_it_in(template: str) -> None:
    text = template
    for placeholder, value in FILLED_IN.items():
        text = text.replace(placeholder, value)
    fields = json.loads(text)
    assert fields.pop("passphrase")
    told = mapped(fields, "charts")
    assert told.signal is not None
    assert (told.signal.symbol, told.signal.issued_at) == ("ACME", NOW)
