import pytest

from watch.kinds import TEXTS, Kind, switched


def test_without_a_word_all_is_told_but_what_did_not_trade() -> None:
    assert switched("") == set(TEXTS) - {Kind.DECLINED}


def test_each_kind_can_be_switched() -> None:
    assert switched("halt, Unsold") == {Kind.HALT, Kind.UNSOLD}
    assert switched("all") == set(TEXTS)
    assert switched("none") == set()


def test_what_is_no_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"fils is no kind of alarm; there are fill, "):
        switched("halt,fils")
    with pytest.raises(ValueError, match="test is no kind"):
        switched("test")
