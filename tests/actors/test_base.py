"""What pykka leaves out and `Worker` adds: no death goes untold, and none leaves a zombie."""

import threading
from collections.abc import Callable

import pykka
import pytest

from actors.base import Address, Handle, OnDeath, Ping, Subscribe, Worker, spawn
from tests.actors.doubles import PATIENCE_S, Outbox, Record, Stage, ask_later

Mail = Callable[[], object]


class Doer(Worker[Mail]):
    """Does what its mail says, in its own thread."""

    def __init__(
        self, *, on_death: OnDeath, setup: Mail = bool, teardown: Mail = bool, subscribed: Mail = bool
    ) -> None:
        super().__init__(on_death=on_death)
        self._setup = setup
        self._teardown = teardown
        self._subscribed = subscribed
        self.made_in = threading.current_thread()

    def setup(self) -> None:
        self._setup()

    def teardown(self) -> None:
        self._teardown()

    def subscribed(self, subscription: Subscribe) -> None:
        self._subscribed()

    def receive(self, mail: Mail) -> object:
        return mail()


def raising(error: BaseException) -> Mail:
    def action() -> object:
        raise error

    return action


ERRORS = [ValueError("broken"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]


@pytest.fixture
def doer(stage: Stage) -> Address[Mail]:
    return stage.spawn(Doer, on_death=stage.deaths)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_failing_tell_is_told_and_ends_the_actor(
    stage: Stage, doer: Address[Mail], error: BaseException
) -> None:
    doer.send(raising(error))
    assert stage.deaths.take() == ("Doer", error)
    with pytest.raises(pykka.ActorDeadError):
        doer.ping(timeout=PATIENCE_S)
    assert not doer.is_alive()


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_failing_ask_is_told_and_answered(stage: Stage, doer: Address[Mail], error: BaseException) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        doer.ask(raising(error), object, timeout=PATIENCE_S)
    assert stage.deaths.take() == ("Doer", error)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_failing_actor_takes_no_other_with_it(stage: Stage, error: BaseException) -> None:
    bystander = stage.spawn(Doer, on_death=stage.deaths)
    failing = stage.spawn(Doer, on_death=stage.deaths)
    failing.send(raising(error))
    stage.deaths.take()
    assert bystander.ask(lambda: 7, int, timeout=PATIENCE_S) == 7


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_failing_setup_is_told_and_spawn_raises(stage: Stage, error: BaseException) -> None:
    with pytest.raises(pykka.ActorDeadError):
        spawn(Doer, on_death=stage.deaths, setup=raising(error))
    assert stage.deaths.take() == ("Doer", error)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_failing_teardown_is_told_and_the_actor_has_stopped(stage: Stage, error: BaseException) -> None:
    doer = stage.spawn(Doer, on_death=stage.deaths, teardown=raising(error))
    doer.stop(timeout=PATIENCE_S)
    assert stage.deaths.take() == ("Doer", error)
    assert not doer.is_alive()


def test_a_failure_while_a_subscriber_is_brought_up_to_date_is_told(stage: Stage) -> None:
    error = ValueError("no news")
    doer = stage.spawn(Doer, on_death=stage.deaths, subscribed=raising(error))
    doer.subscribe(Outbox(), str)
    assert stage.deaths.take() == ("Doer", error)


def test_mail_of_an_unknown_kind_is_a_death_and_not_a_shrug(stage: Stage, doer: Address[Mail]) -> None:
    doer.send("what is this?")  # type: ignore[arg-type]
    assert isinstance(stage.deaths.take().error, TypeError)


def test_an_actor_that_does_not_say_what_it_receives_fails_at_the_first_mail(stage: Stage) -> None:
    mute: Address[str] = stage.spawn(Worker, on_death=stage.deaths)
    mute.send("hello")
    assert isinstance(stage.deaths.take().error, NotImplementedError)


def test_mail_behind_the_one_that_failed_is_answered_with_the_death(
    stage: Stage, doer: Address[Mail]
) -> None:
    free = threading.Event()
    doer.send(lambda: free.wait(PATIENCE_S))
    doer.send(raising(ValueError("broken")))
    behind = ask_later(doer, lambda: "answered")
    free.set()
    with pytest.raises(pykka.ActorDeadError):
        behind.get(timeout=PATIENCE_S)
    stage.deaths.take()


def test_a_dead_letter_is_reported_to_its_sender_and_kills_nobody(stage: Stage, doer: Address[Mail]) -> None:
    sender = stage.spawn(Doer, on_death=stage.deaths)
    doer.stop(timeout=PATIENCE_S)
    assert doer.send(bool) is False
    assert sender.ask(lambda: doer.send(bool), bool, timeout=PATIENCE_S) is False


def test_mail_to_the_living_is_reported_as_delivered(doer: Address[Mail]) -> None:
    assert doer.send(bool) is True


def test_asking_the_dead_raises(doer: Address[Mail]) -> None:
    doer.stop(timeout=PATIENCE_S)
    with pytest.raises(pykka.ActorDeadError):
        doer.ask(bool, bool, timeout=PATIENCE_S)


def test_an_answer_of_another_kind_than_asked_for_is_an_error(doer: Address[Mail]) -> None:
    with pytest.raises(TypeError, match="with str"):
        doer.ask(lambda: "text", int, float, timeout=PATIENCE_S)


def test_an_ask_that_takes_too_long_raises_a_timeout(doer: Address[Mail]) -> None:
    free = threading.Event()
    with pytest.raises(pykka.Timeout):
        doer.ask(lambda: free.wait(PATIENCE_S), bool, timeout=0.01)
    free.set()


def test_stopping_twice_is_stopping_once(doer: Address[Mail]) -> None:
    doer.stop(timeout=PATIENCE_S)
    doer.stop(timeout=PATIENCE_S)
    assert not doer.is_alive()


def test_what_was_sent_before_the_stop_is_done_before_it(stage: Stage) -> None:
    done, free = Record(), threading.Event()
    doer = stage.spawn(Doer, on_death=stage.deaths, teardown=lambda: done.add("teardown"))
    doer.send(lambda: free.wait(PATIENCE_S))
    for number in range(3):
        doer.send(lambda number=number: done.add(number))  # type: ignore[misc]
    free.set()
    doer.stop(timeout=PATIENCE_S)
    assert done.all() == [0, 1, 2, "teardown"]


def test_a_stop_behind_a_hung_handler_raises_and_does_not_hang(doer: Address[Mail]) -> None:
    free = threading.Event()
    doer.send(lambda: free.wait(PATIENCE_S))
    with pytest.raises(pykka.Timeout):
        doer.stop(timeout=0.01)
    assert doer.is_alive()
    free.set()


def test_an_actor_is_made_in_its_makers_thread_and_lives_in_its_own(stage: Stage) -> None:
    setup, work = Record(), Record()
    doer = stage.spawn(Doer, on_death=stage.deaths, setup=lambda: setup.add(threading.current_thread()))
    doer.ask(lambda: work.add(threading.current_thread()) or True, bool, timeout=PATIENCE_S)  # type: ignore[func-returns-value]
    assert setup.all() == work.all() != [threading.current_thread()]
    assert work.all()[0].daemon
    assert "Doer" in work.all()[0].name


def test_a_ping_is_answered_when_all_mail_before_it_is_done(doer: Address[Mail]) -> None:
    done = Record()
    for number in range(20):
        doer.send(lambda number=number: done.add(number))  # type: ignore[misc]
    doer.ping(timeout=PATIENCE_S)
    assert len(done.all()) == 20


def test_a_heartbeat_is_answered_in_the_actors_thread(doer: Address[Mail]) -> None:
    heard = Record()
    doer.send_ping(lambda: heard.add(threading.current_thread()))
    assert heard.wait(1) != [threading.current_thread()]


def test_a_heartbeat_goes_before_a_long_inbox(doer: Address[Mail]) -> None:
    order, free = Record(), threading.Event()
    doer.send(lambda: free.wait(PATIENCE_S))
    for number in range(20):
        doer.send(lambda number=number: order.add(number))  # type: ignore[misc]
    doer.send_ping(lambda: order.add("heartbeat"))
    free.set()
    doer.ping(timeout=PATIENCE_S)
    assert order.all().index("heartbeat") <= 1


def test_a_hung_actor_still_counts_as_alive_and_gives_no_heartbeat(doer: Address[Mail]) -> None:
    free, heard = threading.Event(), Record()
    doer.send(lambda: free.wait(PATIENCE_S))
    doer.send_ping(lambda: heard.add("beat"))
    assert doer.is_alive()
    assert heard.all() == []
    free.set()
    heard.wait(1)


# --- news ------------------------------------------------------------------------------------------


def test_news_goes_to_those_who_asked_for_its_kind(stage: Stage) -> None:
    texts, numbers, both = Outbox(), Outbox(), Outbox()
    publisher = stage.spawn(Publisher, on_death=stage.deaths)
    publisher.subscribe(texts, str)
    publisher.subscribe(numbers, int)
    publisher.subscribe(both, str, int)
    for news in ("one", 2, 3.0):
        publisher.send(news)
    publisher.ping(timeout=PATIENCE_S)
    assert [box.told.all() for box in (texts, numbers, both)] == [["one"], [2], ["one", 2]]


def test_a_dead_subscriber_does_not_silence_the_others(stage: Stage, doer: Address[Mail]) -> None:
    living = Outbox()
    publisher = stage.spawn(Publisher, on_death=stage.deaths)
    publisher.subscribe(doer, str)
    publisher.subscribe(living, str)
    doer.stop(timeout=PATIENCE_S)
    publisher.send("news")
    assert living.told.wait(1) == ["news"]


class Publisher(Worker[object]):
    """Publishes its mail."""

    def receive(self, mail: object) -> None:
        self.publish(mail)


# --- the handle ------------------------------------------------------------------------------------


def test_a_handle_passes_on_to_whoever_owns_it_now() -> None:
    handle: Handle[str] = Handle()
    first, second = Outbox(), Outbox(lambda mail: f"{mail}, second")
    handle.swap(first)
    assert handle.send("one")
    handle.swap(second)
    assert handle.ask("two", str, timeout=1) == "two, second"
    assert (first.told.all(), second.asked.all()) == (["one"], ["two"])


def test_a_handle_without_an_owner_delivers_nothing_and_says_so() -> None:
    handle: Handle[str] = Handle()
    handle.swap(Outbox())
    handle.swap(None)
    assert handle.send("lost") is False
    with pytest.raises(pykka.ActorDeadError):
        handle.ask("anyone?", str, timeout=1)


def test_a_ping_without_a_listener_asks_for_nothing_but_its_answer(doer: Address[Mail]) -> None:
    assert Ping().on_answer is None
    doer.ping(timeout=PATIENCE_S)
