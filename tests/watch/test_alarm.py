from tests.watch.builders import an_alarm
from watch.alarm import MOST_LINES, line_of, notice_of
from watch.kinds import Kind


def test_one_alarm_is_one_line_with_its_time() -> None:
    notice = notice_of("Starfill paper", [an_alarm("Bought 1 ACME.")], {})
    assert notice.title == "Starfill paper: 1 fill"
    assert notice.body == "15:00:00 Bought 1 ACME."
    assert not notice.urgent


def test_a_flood_is_one_message_that_counts_what_it_leaves_out() -> None:
    alarms = [an_alarm(f"Bought {number} ACME.") for number in range(50)]
    lines = notice_of("Starfill paper", alarms, {}).body.splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "and 40 more (40 fill)"


def test_what_is_urgent_is_told_however_much_else_there_is() -> None:
    alarms = [an_alarm() for _ in range(50)] + [an_alarm("Everything is halted.", Kind.HALT)]
    notice = notice_of("Starfill paper", alarms, {})
    assert "Everything is halted." in notice.body
    assert (notice.title, notice.urgent) == ("Starfill paper: 1 halt, 50 fill", True)


def test_what_there_was_no_room_for_is_counted() -> None:
    notice = notice_of("Starfill paper", [an_alarm()], {Kind.FILL: 7, Kind.EXIT: 3})
    assert notice.body.splitlines()[-1] == "and 10 more (3 exit, 7 fill)"


def test_a_stranger_s_words_stay_one_line_and_end() -> None:
    assert line_of("a\nb\x1b[31m") == "a b [31m"
    assert len(line_of("x" * 5000)) == 400
