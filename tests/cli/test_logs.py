import base64
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from cli.logs import configure, hide

CANARY = 'cAnary+s3cret/"value"'


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """The test's own set-up of logging stays as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, logging.raiseExceptions = before
    structlog.reset_defaults()


class Said:
    """What was written to stderr so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._said = ""

    def text(self) -> str:
        self._said += self._capsys.readouterr().err
        return self._said

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def fail_with(secret: str) -> None:
    raise ValueError(f"refused {secret}")


def test_both_kinds_of_loggers_write_one_json_object_a_line(stderr: Said) -> None:
    configure(secrets=[])
    logging.getLogger("a.room").warning("%s of %d", "one", 2)
    structlog.get_logger("another").info("told", symbol="ACME")
    first, second = stderr.lines()
    assert (first["level"], first["logger"], first["event"]) == ("warning", "a.room", "one of 2")
    assert first["thread"] == "MainThread"
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["symbol"], second["level"]) == ("told", "ACME", "info")


@pytest.mark.parametrize(
    "spelled",
    [
        CANARY,
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
        "cAnary%2Bs3cret%2F%22value%22",
    ],
)
def test_a_secret_leaves_in_no_spelling_and_by_no_way(stderr: Said, spelled: str) -> None:
    configure(secrets=[CANARY, "other"])
    log = logging.getLogger("x")
    log.error("told %s", spelled)
    log.error({"auth": spelled})
    log.error("extra", extra={"key": spelled})
    structlog.get_logger().error("told", key=spelled, nested={"deep": [spelled]})
    try:
        fail_with(spelled)
    except ValueError:
        log.exception("failed")
        structlog.get_logger().exception("failed")
    assert len(stderr.text().splitlines()) == 6
    for text in (CANARY, "s3cret", spelled):
        assert text not in stderr.text()
    assert "refused ***" in stderr.text()


def test_a_secret_that_is_learned_later_is_kept_too(stderr: Said) -> None:
    configure(secrets=[CANARY])
    hide("the-token")
    logging.getLogger("x").warning("%s and the-token", CANARY)
    assert stderr.lines()[0]["event"] == "*** and ***"


def test_the_simulators_public_keys_are_ordinary_words(stderr: Said) -> None:
    configure(secrets=["simulator", ""])
    logging.getLogger("x").warning("the simulator runs")
    assert stderr.lines()[0]["event"] == "the simulator runs"


def test_a_line_that_cannot_be_made_is_dropped_in_silence(stderr: Said) -> None:
    configure(secrets=[CANARY])
    logging.getLogger("x").warning("%d", CANARY)
    assert CANARY not in stderr.text()


def test_a_log_file_is_its_owners_only_and_leaves_the_terminal_alone(stderr: Said, tmp_path: Path) -> None:
    path = tmp_path / "state" / "starfill.log"
    configure(secrets=[CANARY], file=path)
    logging.getLogger("x").warning("a %s", CANARY)
    assert stderr.text() == ""
    assert json.loads(path.read_text())["event"] == "a ***"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_to_configure_again_replaces_the_first(stderr: Said) -> None:
    configure(secrets=[])
    configure(secrets=[])
    logging.getLogger("x").warning("once")
    assert len(stderr.lines()) == 1
