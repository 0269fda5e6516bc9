"""What pykka leaves out: typed addresses, deaths that are told, heartbeats.

Every actor is a `Worker`. Whatever goes wrong inside one, from `setup` on, reaches the supervisor
through `on_death`; a failed ask is reported like a failed tell, and no BaseException leaves a zombie
(pykka answers an ask's exception to the caller and lives on, and a SystemExit in a handler stops all
other actors but not the process).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload

import pykka

from actors import subject
from actors.inbox import Inbox

log = logging.getLogger(__name__)

SETUP_S: Final = 20.0
"""How long an actor's `setup` may take; more than the ledger waits for its database."""

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
R2 = TypeVar("R2")
R3 = TypeVar("R3")
R4 = TypeVar("R4")
R5 = TypeVar("R5")
P = ParamSpec("P")


class Death(NamedTuple):
    """An actor failed: which, and of what."""

    actor: str
    error: BaseException


OnDeath = Callable[[Death], None]


class Listener(Protocol):
    """Where news can be sent."""

    def send(self, mail: Any, /) -> bool:
        """Take the news in; called on the publisher's thread, so no more than that."""


class Mailbox(Protocol[M_contra]):
    """Where mail can be sent: an actor's address, or a test's outbox."""

    def send(self, mail: M_contra) -> bool:
        """Put mail into the inbox; False: its owner is dead, and the mail is a dead letter."""

    @overload
    def ask(self, mail: M_contra, a: type[R], /, *, timeout: float) -> R: ...
    @overload
    def ask(self, mail: M_contra, a: type[R], b: type[R2], /, *, timeout: float) -> R | R2: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], /, *, timeout: float
    ) -> R | R2 | R3: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], d: type[R4], /, *, timeout: float
    ) -> R | R2 | R3 | R4: ...
    @overload
    def ask(
        self,
        mail: M_contra,
        a: type[R],
        b: type[R2],
        c: type[R3],
        d: type[R4],
        e: type[R5],
        /,
        *,
        timeout: float,
    ) -> R | R2 | R3 | R4 | R5: ...
    def ask(self, mail: M_contra, /, *answers: type[Any], timeout: float) -> Any:
        """Put mail into the inbox and wait for its answer, at most `timeout` seconds."""


class Answer(Protocol[R_co]):
    """An answer that is on its way."""

    def get(self, *, timeout: float) -> R_co:
        """Wait for it, at most `timeout` seconds; raises as `Address.ask` does."""


class PatientMailbox(Mailbox[M_contra], Protocol[M_contra]):
    """A mailbox that can be asked now and waited for later."""

    def begin(self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], /) -> Answer[R | R2 | R3]:
        """Put mail into the inbox; its answer is waited for by whoever gets this."""


class _Pending(Generic[R]):
    def __init__(self, question: str, future: "pykka.Future[Any]", answers: tuple[type[Any], ...]) -> None:
        self._question = question
        self._future = future
        self._answers = answers

    def get(self, *, timeout: float) -> R:
        answer = self._future.get(timeout=timeout)
        if not isinstance(answer, self._answers):
            raise TypeError(f"{self._question} was answered with {type(answer).__name__}")
        return cast("R", answer)


class Address(Generic[M_contra]):
    """The address of a running actor. Safe to use from any thread."""

    def __init__(self, ref: "pykka.ActorRef[Any]") -> None:
        self._ref = ref

    def send(self, mail: M_contra) -> bool:
        """Tell; never raises. A dead letter is logged: facts live in the ledger, not in inboxes."""
        try:
            self._ref.tell(mail)
        except pykka.ActorDeadError:  # let through, it would kill the sender too
            log.warning("dead letter for %s: %s", self._ref, type(mail).__name__)
            return False
        return True

    @overload
    def ask(self, mail: M_contra, a: type[R], /, *, timeout: float) -> R: ...
    @overload
    def ask(self, mail: M_contra, a: type[R], b: type[R2], /, *, timeout: float) -> R | R2: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], /, *, timeout: float
    ) -> R | R2 | R3: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], d: type[R4], /, *, timeout: float
    ) -> R | R2 | R3 | R4: ...
    @overload
    def ask(
        self,
        mail: M_contra,
        a: type[R],
        b: type[R2],
        c: type[R3],
        d: type[R4],
        e: type[R5],
        /,
        *,
        timeout: float,
    ) -> R | R2 | R3 | R4 | R5: ...
    def ask(self, mail: M_contra, /, *answers: type[Any], timeout: float) -> Any:
        """Ask; raises pykka.Timeout, pykka.ActorDeadError, or TypeError for an unexpected answer."""
        return self._begin(mail, answers).get(timeout=timeout)

    def begin(self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], /) -> Answer[R | R2 | R3]:
        """Ask and do not wait yet; raises pykka.ActorDeadError."""
        return self._begin(mail, (a, b, c))

    def _begin(self, mail: M_contra, answers: tuple[type[Any], ...]) -> _Pending[Any]:
        question = f"{type(mail).__name__} to {self._ref}"
        return _Pending(question, self._ref.ask(mail, block=False), answers)

    def ping(self, *, timeout: float) -> None:
        """Wait until all mail sent before this has been handled."""
        self._ref.ask(Ping(), timeout=timeout)

    def send_ping(self, on_answer: Callable[[], None]) -> None:
        """Ask for a heartbeat without waiting; `on_answer` is called in the actor's thread."""
        self.send(cast("M_contra", Heartbeat(on_answer)))

    def subscribe(self, subscriber: Listener, *kinds: type) -> None:
        """Have the actor send its news of these kinds to the subscriber."""
        self.send(cast("M_contra", Subscribe(subscriber, kinds)))

    def stop(self, *, timeout: float) -> None:
        """Stop after what is in the inbox; raises pykka.Timeout. A dead actor is stopped already."""
        try:
            self._ref.stop(timeout=timeout)
        except pykka.ActorDeadError:
            return

    def begin_stop(self) -> Answer[object]:
        """Order the stop and do not wait yet: several may come to their ends together."""
        end: Answer[object] = self._ref.stop(block=False)
        return end

    def handed_in(self) -> int:
        """How much mail there ever was for the actor."""
        return self._inbox().handed_in

    def handled(self) -> int:
        """How much of it the actor is through with."""
        return self._inbox().handled

    def _inbox(self) -> Inbox:
        inbox: Inbox = self._ref.actor_inbox  # type: ignore[assignment] # every worker makes one of its own
        return inbox

    def is_alive(self) -> bool:
        """Whether the actor has not stopped or failed; a hung one still counts as alive."""
        return self._ref.is_alive()


class Handle(Generic[M_contra]):
    """A mailbox whose owner can be exchanged: for those outside the tree, while it is rebuilt.

    With no owner, mail is a dead letter and an ask raises pykka.ActorDeadError.
    """

    def __init__(self) -> None:
        self._owner: Mailbox[M_contra] | None = None

    @property
    def owned(self) -> bool:
        """Whether mail reaches anybody."""
        return self._owner is not None

    def swap(self, owner: Mailbox[M_contra] | None) -> None:
        """From now on this is the owner; None: nobody is."""
        self._owner = owner

    def send(self, mail: M_contra) -> bool:
        owner = self._owner
        return owner is not None and owner.send(mail)

    @overload
    def ask(self, mail: M_contra, a: type[R], /, *, timeout: float) -> R: ...
    @overload
    def ask(self, mail: M_contra, a: type[R], b: type[R2], /, *, timeout: float) -> R | R2: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], /, *, timeout: float
    ) -> R | R2 | R3: ...
    @overload
    def ask(
        self, mail: M_contra, a: type[R], b: type[R2], c: type[R3], d: type[R4], /, *, timeout: float
    ) -> R | R2 | R3 | R4: ...
    @overload
    def ask(
        self,
        mail: M_contra,
        a: type[R],
        b: type[R2],
        c: type[R3],
        d: type[R4],
        e: type[R5],
        /,
        *,
        timeout: float,
    ) -> R | R2 | R3 | R4 | R5: ...
    def ask(self, mail: M_contra, /, *answers: type[Any], timeout: float) -> Any:
        owner = self._owner
        if owner is None:
            raise pykka.ActorDeadError("the actors are being started or stopped")
        ask: Callable[..., Any] = owner.ask
        return ask(mail, *answers, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Every worker answers, once it has done what was in its inbox before."""

    on_answer: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat(Ping):
    """Are you alive? It goes before the rest: a long inbox is not a hung actor."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send the news of these kinds to this mailbox, from now on."""

    subscriber: Listener
    kinds: tuple[type, ...]


class Worker(pykka.ThreadingActor, Generic[M]):
    """An actor with typed mail. Subclasses wire in `__init__`, open in `setup`, act in `receive`."""

    use_daemon_thread = True  # a hung handler must not keep a process alive that has decided to end

    def __init__(self, *, on_death: OnDeath) -> None:
        super().__init__()
        self._on_death = on_death
        self._subscribers: list[Subscribe] = []

    @staticmethod
    def _create_actor_inbox() -> Any:
        return Inbox(urgent=(Heartbeat,))

    @property
    def address(self) -> Address[Any]:
        """This actor's own address, for timers and for its private mail."""
        return Address(self.actor_ref)

    def setup(self) -> None:
        """Open what the actor needs; runs in its own thread before the first mail."""

    def teardown(self) -> None:
        """Close it again; runs in its own thread after the last mail."""

    def receive(self, mail: M) -> object:
        """Handle one mail; what is returned answers an ask."""
        raise NotImplementedError

    def publish(self, news: object) -> None:
        """Send news to those who subscribed to its kind."""
        for subscription in self._subscribers:
            if isinstance(news, subscription.kinds):
                subscription.subscriber.send(news)

    def subscribed(self, subscription: Subscribe) -> None:
        """Bring a new subscriber up to date; by default there is nothing to tell."""

    def wanted(self, kind: type) -> bool:
        """Whether anybody subscribed to news of this kind."""
        return any(issubclass(kind, subscription.kinds) for subscription in self._subscribers)

    def on_start(self) -> None:
        self._guarded(self.setup)

    def on_stop(self) -> None:
        self._guarded(self.teardown)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Ping):
            if message.on_answer is not None:
                self._guarded(message.on_answer)
            return None
        if isinstance(message, Subscribe):
            self._subscribers.append(message)
            self._guarded(lambda: self.subscribed(message))
            return None
        named = subject.begin(message)
        try:
            return self._guarded(lambda: self.handle(message))
        finally:
            if named:
                subject.end()

    def handle(self, message: Any) -> object:
        """One mail from the inbox; a worker that takes several at once does so here."""
        return self.receive(message)

    def _guarded(self, action: Callable[[], object]) -> object:
        try:
            return action()
        except Exception as error:
            self._on_death(Death(type(self).__name__, error))
            raise
        except BaseException as error:
            self._on_death(Death(type(self).__name__, error))
            # As it is, it would have pykka stop all other actors from this thread; the asker would wait on.
            raise RuntimeError(f"{type(error).__name__} in {self}") from error


def spawn(worker: "Callable[P, Worker[M]]", *args: P.args, **kwargs: P.kwargs) -> Address[M]:
    """Start a worker and wait for its `setup`.

    Raises pykka.ActorDeadError if that failed (pykka's own `start` would not), pykka.Timeout if it hangs.
    """
    address: Address[M] = Address(cast("type[Worker[M]]", worker).start(*args, **kwargs))
    address.ping(timeout=SETUP_S)
    return address
