"""A bot that fails again and again begins nothing new, and no step of a clock makes it forget."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from persistence.boots import FEW, FILE, KEPT, MANY, BootRecord, arm, since_boot, this_boot
from tests.persistence.making import NOW

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Machine:
    """A folder, and two clocks to set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.uptime = timedelta(hours=5)
        self.boot_id = "boot-1"

    def passes(self, span: timedelta) -> None:
        self.now += span
        self.uptime += span

    def restarts(self, takes: timedelta = MINUTE) -> None:
        self.now += takes
        self.uptime = SECOND
        self.boot_id += "'"

    def start(self) -> BootRecord:
        return BootRecord.begin(
            self.folder,
            clock=lambda: self.now,
            version="0.1.0",
            boottime=lambda: self.uptime,
            boot_id=self.boot_id,
        )

    def fails(self, times: int, every: timedelta = SECOND) -> None:
        """So many starts that end without a word."""
        for _ in range(times):
            self.start()
            self.passes(every)

    @property
    def file(self) -> Path:
        return self.folder / FILE


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "state")


def test_a_first_start_is_normal_and_on_record(machine: Machine) -> None:
    record = machine.start()
    assert (record.verdict(), record.locked) == (None, False)
    (line,) = machine.file.read_text().splitlines()
    fields = json.loads(line)
    assert fields.pop("pid") > 0
    assert fields == {
        "event": "boot",
        "at": NOW.isoformat(),
        "boot_id": "boot-1",
        "uptime_us": 5 * 3600 * 10**6,
        "version": "0.1.0",
    }
    assert stat.S_IMODE(machine.file.stat().st_mode) == 0o600


def test_clean_ends_never_count(machine: Machine) -> None:
    for _ in range(MANY * 3):
        record = machine.start()
        assert record.verdict() is None
        record.end(clean=True)
        machine.passes(SECOND)


def test_more_than_three_failures_in_ten_minutes_begin_nothing_new(machine: Machine) -> None:
    machine.fails(FEW)
    assert machine.start().verdict() is None
    verdict = machine.start().verdict()
    assert verdict is not None
    assert verdict.startswith(
        "Starfill has failed 4 times within 10 minutes, so no order that adds risk is sent"
    )


def test_an_end_that_was_not_clean_counts_like_none(machine: Machine) -> None:
    for _ in range(FEW + 1):
        machine.start().end(clean=False)
    assert machine.start().verdict() is not None


def test_failures_further_apart_are_no_reason(machine: Machine) -> None:
    machine.fails(9, every=timedelta(minutes=3, seconds=30))
    assert machine.start().verdict() is None


def test_ten_minutes_of_work_clear_the_counter(machine: Machine) -> None:
    machine.fails(FEW + 1)
    record = machine.start()
    machine.passes(10 * MINUTE - SECOND)
    assert not record.settled()
    assert record.verdict() is not None
    machine.passes(SECOND)
    assert record.settled()
    assert record.settled()
    assert record.verdict() is None
    assert machine.file.read_text().count('"settled"') == 1
    # What fails after that is the first of a new count.
    machine.fails(FEW - 1)
    assert machine.start().verdict() is None


def test_more_than_ten_in_an_hour_wait_for_a_person(machine: Machine) -> None:
    machine.fails(MANY + 1, every=5 * MINUTE)
    record = machine.start()
    assert record.locked
    assert "until a person has looked" in str(record.verdict())
    machine.passes(20 * MINUTE)
    assert record.settled()
    assert record.locked
    record.end(clean=True)
    machine.passes(timedelta(days=9))
    assert machine.start().locked


def test_ten_in_an_hour_do_not(machine: Machine) -> None:
    machine.fails(MANY, every=5 * MINUTE)
    assert not machine.start().locked


def test_a_person_arms_it_again_while_it_runs(machine: Machine) -> None:
    machine.fails(MANY + 1)
    record = machine.start()
    record.arm()
    assert (record.locked, record.verdict()) == (False, None)
    record.end(clean=True)
    assert machine.start().verdict() is None


def test_a_person_arms_it_again_while_it_does_not_run(machine: Machine) -> None:
    machine.fails(MANY + 2)
    arm(machine.folder)
    record = machine.start()
    assert (record.locked, record.verdict()) == (False, None)


def test_what_fails_after_it_was_armed_counts(machine: Machine) -> None:
    machine.fails(MANY + 1)
    machine.start().arm()
    machine.fails(FEW)
    assert machine.start().verdict() is not None


@pytest.mark.parametrize("step", [timedelta(days=400), -timedelta(days=400)])
def test_a_step_of_the_wall_clock_clears_nothing(machine: Machine, step: timedelta) -> None:
    machine.fails(FEW + 1)
    machine.now += step
    assert machine.start().verdict() is not None
    machine.now -= 2 * step
    assert machine.start().verdict() is not None


def test_failures_are_forgotten_by_uptime_whatever_the_wall_clock_says(machine: Machine) -> None:
    machine.fails(FEW + 1)
    machine.uptime += 11 * MINUTE  # and the wall clock was set back by as much
    assert machine.start().verdict() is None


def test_failures_count_across_a_restart_of_the_machine(machine: Machine) -> None:
    machine.fails(FEW)
    machine.restarts()
    machine.start()
    assert machine.start().verdict() is not None


def test_failures_before_a_long_rest_of_the_machine_are_old(machine: Machine) -> None:
    machine.fails(FEW)
    machine.restarts(takes=timedelta(hours=2))
    machine.start()
    assert machine.start().verdict() is None


def test_a_failure_from_the_future_of_another_boot_counts(machine: Machine) -> None:
    machine.fails(FEW)
    machine.restarts(takes=-timedelta(days=1))
    machine.start()
    assert machine.start().verdict() is not None


def test_without_boot_ids_the_wall_clock_tells(machine: Machine) -> None:
    machine.boot_id = ""
    machine.fails(FEW + 1)
    machine.uptime = timedelta(0)
    assert machine.start().verdict() is not None
    machine.now += 11 * MINUTE
    assert machine.start().verdict() is None


@pytest.mark.parametrize(
    "damage",
    [
        "\0\0\0",
        '{"event":"bo',
        "[]",
        "7",
        '"armed"',
        '{"event":"failed"}',
        '{"event":"nonsense"}',
        '{"event":"failed","at":"2026-11-12T15:00:00","boot_id":"b","uptime_us":1}',
        '{"event":"failed","at":"x","boot_id":"b","uptime_us":1e999}',
    ],
)
def test_a_damaged_line_counts_as_a_failure(machine: Machine, damage: str) -> None:
    machine.start().end(clean=True)
    text = machine.file.read_text()
    machine.file.write_text(text + f"{damage}\n" * FEW)
    record = machine.start()
    assert record.verdict() is None
    record.end(clean=True)
    machine.file.write_text(text + f"{damage}\n" * (FEW + 1))
    assert machine.start().verdict() is not None


def test_bytes_that_are_no_text_count_as_a_failure(machine: Machine) -> None:
    machine.folder.mkdir()
    machine.file.write_bytes(b"\xff\xfe\x00\n" * (FEW + 1))
    assert machine.start().verdict() is not None


def test_the_file_stays_small(machine: Machine) -> None:
    machine.fails(3 * KEPT, every=timedelta(0))
    assert len(machine.file.read_text().splitlines()) == KEPT + 2
    machine.passes(timedelta(hours=2))
    machine.start()
    assert len(machine.file.read_text().splitlines()) == 3  # this start after an unclean end, and the lock
    assert [entry.name for entry in machine.folder.iterdir()] == [FILE]


def test_the_machine_tells_its_uptime_and_its_boot() -> None:
    first = since_boot()
    assert timedelta(0) < first <= since_boot()
    assert this_boot() == this_boot()
