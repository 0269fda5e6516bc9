"""Processes that measure, each alone with its interpreter: asked and answered in lines of JSON.

A server, a peer and our own side each run in a process of their own, so that no one's imports, garbage or
interpreter lock falls on another. All stamps are `time.monotonic_ns()`, which the processes of a Linux
machine share.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

Answer = dict[str, Any]
Action = Callable[..., Answer]


class Child:
    """A process of `python -m MODULE`; `ask` names one of its actions."""

    def __init__(self, module: str, *args: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ready = self._read()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, **arguments: object) -> Answer:
        """Have it act, and wait for the answer."""
        self.tell(do, **arguments)
        return self._read()

    def tell(self, do: str, **arguments: object) -> None:
        """Have it act; `answer` must follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Answer:
        """What `tell` has led to."""
        return self._read()

    def close(self) -> None:
        """Let it end, which it does when nobody can ask any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} has ended")
        answer: Answer = json.loads(line)
        return answer


def say(answer: Mapping[str, object]) -> None:
    """Answer the parent."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(actions: Mapping[str, Action], ready: Mapping[str, object]) -> None:
    """The child's side: say what is ready, then act as told until the parent is gone."""
    say(ready)
    for line in sys.stdin:
        asked = json.loads(line)
        say(actions[asked.pop("do")](**asked))


def clean_slate() -> None:
    """Before each timed stretch, on every side alike: what lies about is collected first."""
    gc.collect()
