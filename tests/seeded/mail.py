"""Mail between actors that all live on one thread: who is asked works at once, hints may get lost."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from pykka import Timeout
from pykka._envelope import Envelope

from actors.base import Worker
from domain.messages import (
    AuditNow,
    ConfirmPosition,
    ExecuteSignal,
    LookUpOrder,
    OrderPlaced,
    ResendOrder,
)
from tests.seeded.fate import Fate
from tests.seeded.virtual import VirtualTime

HINTS: Final = (ExecuteSignal, ResendOrder, LookUpOrder, ConfirmPosition, OrderPlaced, AuditNow)
"""Mail that only wakes: what it is about is in the ledger, so any of it may be lost, doubled or late."""


class Reply:
    """An answer on its way; what pykka's future is between threads."""

    def __init__(self, then: Callable[[Any], None] | None = None) -> None:
        self.answered = False
        self.failed = False
        self.value: Any = None
        self._then = then

    def set(self, value: Any = None) -> None:
        self.answered, self.value = True, value
        if self._then is not None:
            self._then(value)

    def set_exception(self, exc_info: object = None) -> None:
        self.answered = self.failed = True


class Desk(Protocol):
    """Where mail is worked off; the world."""

    def work_on(self, actor: Worker[Any]) -> None:
        """Have the actor handle the next of its mail."""

    def sent(self, to: str, mail: object) -> None:
        """Look on as mail is sent."""

    def answered(self, question: object, answer: object) -> None:
        """Look on as a question is answered."""


class _Pending:
    def __init__(
        self, owner: Worker[Any], reply: Reply, question: object, answers: Any, desk: Desk, *, late: bool
    ) -> None:
        self._owner = owner
        self._reply = reply
        self._question = question
        self._answers = answers
        self._desk = desk
        self._late = late

    def get(self, *, timeout: float) -> Any:
        if self._late:
            raise Timeout(f"nobody answers {self._question!r} in time")
        while not self._reply.answered:
            if self._owner.actor_inbox.empty():
                raise Timeout(f"nobody answers {self._question!r}")
            self._desk.work_on(self._owner)
        answer = self._reply.value
        if self._reply.failed or not isinstance(answer, self._answers):
            raise TypeError(f"{type(self._question).__name__} was answered with {type(answer).__name__}")
        self._desk.answered(self._question, answer)
        return answer


class SeededMailbox:
    """`actors.base.Mailbox` of an actor that the scheduler works."""

    def __init__(
        self,
        name: str,
        owner: Worker[Any],
        *,
        desk: Desk,
        time: VirtualTime,
        fate: Fate,
        hints: tuple[type, ...] = HINTS,
    ) -> None:
        self._hints = hints
        self._name = name
        self._owner = owner
        self._desk = desk
        self._time = time
        self._fate = fate

    def __repr__(self) -> str:
        return self._name  # the same in every run: it stands in traces

    def send(self, mail: Any) -> bool:
        self._desk.sent(self._name, mail)
        if not isinstance(mail, self._hints):
            self._put(mail)
            return True
        if self._fate.strikes("hint_dropped"):
            return True
        if self._fate.strikes("hint_doubled"):
            self._put(mail)
        if self._fate.strikes("hint_delayed"):
            self._time.later(self._fate.between(0, 20), lambda: self._put(mail))
        else:
            self._put(mail)
        return True

    def ask(self, mail: Any, /, *answers: type[Any], timeout: float) -> Any:
        """Whoever is asked first works off what came before the question."""
        return self._begin(mail, answers).get(timeout=timeout)

    def begin(self, mail: Any, /, *answers: type[Any]) -> _Pending:
        return self._begin(mail, answers)

    def ask_later(self, mail: Any, then: Callable[[Any], None]) -> None:
        """Ask from outside the tree; the answer comes when the scheduler gets to it, or never."""
        self._put(mail, Reply(then))

    def _begin(self, mail: Any, answers: tuple[type[Any], ...]) -> _Pending:
        self._desk.sent(self._name, mail)
        reply = Reply()
        self._put(mail, reply)
        late = self._fate.strikes("answer_late")
        return _Pending(self._owner, reply, mail, answers, self._desk, late=late)

    def _put(self, mail: Any, reply: Reply | None = None) -> None:
        self._owner.actor_inbox.put(Envelope(mail, reply_to=reply))  # type: ignore[arg-type]
