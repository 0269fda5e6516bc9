"""A crash point kills once, at the passing it was told, and never where real money could be."""

import queue
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import failpoint
from tests.broker.sockets import http, raw_server, read_request
from tests.flows.process import Process, environment

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    failpoint.arm(None, loopback=True)


def child(spec: str | None, *passed: str) -> tuple[int, str]:
    """A process armed with `spec` that passes these points and says so: its end, and how far it came."""
    program = f"""
import failpoint
failpoint.arm({spec!r}, loopback=True)
for number, name in enumerate({passed!r}, start=1):
    failpoint.failpoint(name)
    print(number, flush=True)
print("to be flushed at exit", end="")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout


def test_an_armed_point_kills_the_process_on_the_spot() -> None:
    assert child("recon.mid", "recon.mid") == (-signal.SIGKILL, "")


def test_the_passing_that_was_named_kills_and_no_other() -> None:
    passed = ["recon.mid", "shutdown.mid", "recon.mid", "recon.mid"]
    assert child("recon.mid:3", *passed) == (-signal.SIGKILL, "1\n2\n3\n")


def test_while_it_lingers_what_did_not_wait_for_it_goes_on() -> None:
    program = """
import threading, failpoint
failpoint.arm("recon.mid:1:300", loopback=True)
threading.Thread(target=failpoint.failpoint, args=("recon.mid",)).start()
print("went on", flush=True)
threading.Event().wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "went on\n")


def test_unarmed_and_elsewhere_it_is_only_passed() -> None:
    assert child(None, "recon.mid")[0] == 0
    assert child("shutdown.mid", "recon.mid")[0] == 0


@pytest.mark.parametrize("spec", ["", "nowhere", "recon.mid ", "RECON.MID", ":1"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_told(spec: str) -> None:
    with pytest.raises(ValueError, match=re.escape("shutdown.mid, migration.mid")):
        failpoint.arm(spec, loopback=True)


@pytest.mark.parametrize(
    "count", ["", "0", "-1", "x", "1:", "1:x", "1:99999", "1:2:3", "01", "1.0", "¹", "1\n"]
)
def test_a_count_that_is_none_is_refused(count: str) -> None:
    with pytest.raises(ValueError, match="a number from 1"):
        failpoint.arm(f"recon.mid:{count}", loopback=True)


def test_away_from_this_machine_nothing_is_armed() -> None:
    with pytest.raises(ValueError, match="refused unless the broker is on this machine"):
        failpoint.arm("recon.mid", loopback=False)
    assert not failpoint.is_armed("recon.mid")
    failpoint.arm(None, loopback=False)


def test_every_point_is_passed_somewhere_in_the_program() -> None:
    sources = [
        p for room in ("actors", "broker", "cli", "persistence", "web") for p in (ROOT / room).glob("*.py")
    ]
    text = "\n".join(p.read_text() for p in (*sources, ROOT / "run.py"))
    placed = set(re.findall(r'(?:failpoint\(|passed\.append\()"([a-z_.]+)"\)', text))
    assert placed == set(failpoint.NAMES)


def left_behind(spec: str) -> bytes:
    """What a process armed with `spec` wrote of its order; before that it reads something."""
    arrived = queue.Queue[bytes]()

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(http(200, "{}"))
        data = b""
        while piece := connection.recv(65536):
            data += piece
        arrived.put(data)

    with raw_server(talk) as server:
        program = f"""
import failpoint
from tests.broker.clients import BUY, a_client
failpoint.arm({spec!r}, loopback=True)
client = a_client({server.url!r}, data_url={server.url!r})
client.warm()
client.submit(BUY)
"""
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=30, check=False)
        assert done.returncode == -signal.SIGKILL
        return arrived.get(timeout=5)


def test_an_order_can_be_cut_in_the_middle_of_its_bytes_or_left_without_its_reply() -> None:
    whole, half = left_behind("http.sent_no_reply"), left_behind("http.mid_send")
    assert whole.startswith(b"POST /v2/orders HTTP/1.1\r\n")
    assert whole.endswith(b"}")
    assert half.startswith(b"POST /v2/orders HTTP/1.1\r\n")
    assert 0 < len(half) < len(whole) - len(whole) // 3


@pytest.mark.parametrize(
    ("spec", "more", "words"),
    [
        ("nowhere", {}, "no crash point 'nowhere'"),
        (
            "migration.mid",
            {
                "STARFILL_MODE": "paper",
                "STARFILL_BROKER_URL": "https://broker.example",
                "APCA_API_KEY_ID": "PKPLAY",
                "APCA_API_SECRET_KEY": "secret",
            },
            "unless the broker is on this machine",
        ),
    ],
)
def test_the_bot_refuses_it_with_one_line_before_it_touches_anything(
    tmp_path: Path, spec: str, more: dict[str, str], words: str
) -> None:
    process = Process(**environment(tmp_path / "state", None, STARFILL_CRASH_AT=spec, **more))
    assert process.ended() == 64
    [line] = process.lines
    assert words in line
    assert not (tmp_path / "state").exists()


def test_the_bot_dies_where_it_was_told(tmp_path: Path) -> None:
    process = Process(**environment(tmp_path / "state", None, STARFILL_CRASH_AT="migration.mid"))
    assert process.ended() == -signal.SIGKILL
