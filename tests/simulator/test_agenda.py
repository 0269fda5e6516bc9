"""The agenda: what is due comes in its order, once, and in spite of what went wrong before it."""

import asyncio
from decimal import Decimal

from simulator.agenda import Agenda
from simulator.clock import SECOND, SimClock


def test_what_is_due_is_taken_in_its_order_and_once() -> None:
    async def play() -> list[str | None]:
        clock = SimClock()
        clock.run_at(Decimal(0))
        agenda = Agenda(clock, lambda: None)
        for what, delay in (("late", 30), ("dropped", 10), ("early", 10), ("moved", 5), ("same time", 10)):
            agenda.put(what, delay)
        agenda.put("moved", 20)
        agenda.drop("dropped")
        assert agenda.wait() == 10
        clock.advance(20)
        taken = [agenda.take() for _ in range(4)]
        assert ("late" in agenda, "early" in agenda, agenda.wait()) == (True, False, 10)
        return taken

    assert asyncio.run(play()) == ["early", "same time", "moved", None]


def test_one_that_fails_does_not_keep_the_next_from_its_turn() -> None:
    done: list[str | None] = []
    failures: list[object] = []

    async def play() -> None:
        over = asyncio.Event()

        def work() -> None:
            done.append(agenda.take())
            if len(done) == 1:
                raise RuntimeError("the first")
            over.set()

        agenda = Agenda(SimClock(), work)
        asyncio.get_running_loop().set_exception_handler(lambda _, told: failures.append(told["exception"]))
        agenda.put("first", 0)
        agenda.put("second", SECOND // 1000)
        await asyncio.wait_for(over.wait(), timeout=5)
        agenda.clear()
        assert agenda.wait() is None

    asyncio.run(play())
    assert done == ["first", "second"]
    assert [str(each) for each in failures] == ["the first"]
