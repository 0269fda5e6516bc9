"""The running bot as the command line sees it: its HTTP API and nothing else."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import HTTPError

from web.api.config import CLI_AGENT
from web.guard import HTTP_PORT
from web.token import NAMES, proof_of

TIMEOUT_S: Final = 15.0
PROOF_S: Final = 5.0
MOST_PROOF: Final = 16 * 1024
"""Bytes."""
PATIENCE: Final = 5
"""Tries for a bot that says it is busy; it says itself how long to wait in between."""
LONGEST_PAUSE_S: Final = 10.0


class Unreachable(Exception):  # noqa: N818 - what is the case, for the owner
    """Nobody answers at the bot's address."""


class NotTold(Unreachable):
    """Somebody answers, and does not tell what was asked."""


class Stranger(NotTold):
    """Somebody answers who does not know our token; it was not shown to him."""

    def __init__(self, url: str, *, is_starfill: bool) -> None:
        who = "a Starfill with another state folder" if is_starfill else "another program than Starfill"
        super().__init__(f"{who} answers at {url}; no token was shown to it")
        self.is_starfill = is_starfill


@dataclass(frozen=True)
class Answer:
    """What the bot said: HTTP's status, and the JSON beside it."""

    status: int
    body: dict[str, Any]
    retry_after_s: float

    @property
    def is_good(self) -> bool:
        return self.status < 300  # noqa: PLR2004 - HTTP's own line

    def why(self) -> str:
        """The refusal in one line."""
        details = "; ".join(f"{field} {fault}" for field, fault in self.faults())
        message = str(self.body.get("message", f"HTTP {self.status}"))
        return f"{message} {details}".strip()

    def faults(self) -> list[tuple[str, str]]:
        """The fields that are wrong, and how."""
        told = self.body.get("details")  # of whoever answers, so perhaps of another program's making
        faults = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
        return [(str(each.get("field", "")), str(each.get("fault", ""))) for each in faults]


class BotClient:
    """One connection; for one thread at a time.

    The token is shown to nobody who has not proved that he knows it: while the bot does not run, its port is
    anybody's on this machine.
    """

    def __init__(self, url: str, token: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.url = url
        self._pause = pause
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business on the loopback
        self._token = token
        self._is_known = False
        self._session.headers["User-Agent"] = CLI_AGENT

    def post_signal(self, text: str) -> Answer:
        """Send one signal, again while the bot asks for patience. Raises Unreachable."""
        return self._patiently(lambda: self._post("/api/signals", text))

    def preview_signal(self, text: str) -> Answer:
        """Have one signal weighed, again while the bot asks for patience. Raises Unreachable."""
        return self._patiently(lambda: self._post("/api/signals?preview=true", text))

    def halt(self, scope: str, reason: str) -> Answer:
        """Stop what adds risk, again while the bot asks for patience: that is safe. Raises Unreachable."""
        text = json.dumps({"scope": scope, "reason": reason})
        return self._patiently(lambda: self._post("/api/halt", text))

    def resume(self, scope: str, reason: str) -> Answer:
        """Lift the halts of a scope, asked once: a repeat could lift what came since. Raises Unreachable."""
        return self._post("/api/resume", json.dumps({"scope": scope, "reason": reason}))

    def close_position(self, symbol: str, reason: str | None) -> Answer:
        """Have a symbol sold, again while the bot asks for patience: that is safe. Raises Unreachable."""
        text = json.dumps({"reason": reason})
        return self._patiently(lambda: self._post(f"/api/positions/{_quoted(symbol)}/close", text))

    def flatten(self, reason: str | None) -> Answer:
        """Have all sold, again while the bot asks for patience: that is safe. Raises Unreachable."""
        return self._patiently(lambda: self._post("/api/flatten", json.dumps({"reason": reason})))

    def change_config(self, changes: Mapping[str, str]) -> Answer:
        """Change settings, again while the bot asks for patience: that is safe. Raises Unreachable."""
        return self._patiently(lambda: self._send("PUT", "/api/config", json.dumps(changes)))

    def reconcile(self) -> Answer:
        """Have the account read now. Raises Unreachable."""
        return self._patiently(lambda: self._call("POST", "/api/reconcile"))

    def read(self, path: str) -> Answer:
        """GET one of the API's lists or states. Raises Unreachable."""
        return self._call("GET", path)

    def signal(self, signal_id: str, source: str) -> dict[str, Any]:
        """All that is known of a signal; empty when it is unknown. Raises Unreachable."""
        path = f"/api/signals/{_quoted(signal_id)}?source={_quoted(source)}"
        answer = self._call("GET", path)
        return answer.body if answer.is_good else {}

    def is_ready(self) -> bool:
        """Whether signals can be taken in and orders can leave. Raises Unreachable."""
        return self._call("GET", "/readyz").is_good

    def close(self) -> None:
        self._session.close()

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        answer = call()
        for _ in range(PATIENCE - 1):
            if answer.status != requests.codes.service_unavailable:
                break
            self._pause(min(answer.retry_after_s, LONGEST_PAUSE_S))
            answer = call()
        return answer

    def _post(self, path: str, text: str) -> Answer:
        return self._send("POST", path, text)

    def _send(self, method: str, path: str, text: str) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self._call(method, path, data=text.encode(errors="backslashreplace"), headers=headers)

    def _call(self, method: str, path: str, **given: Any) -> Answer:
        if not self._is_known:
            self._ask_who_it_is()
        return self._exchange(method, path, **given)

    def _ask_who_it_is(self) -> None:
        """Raises Stranger, Unreachable."""
        challenge, port = secrets.token_urlsafe(24), urlsplit(self.url).port or HTTP_PORT
        proofs = _proofs_at(f"{self.url}/livez?challenge={challenge}", self.url)
        if proof_of(self._token, challenge, port) not in proofs:
            raise Stranger(self.url, is_starfill=len(proofs) == len(NAMES))
        self._session.headers["Authorization"] = f"Bearer {self._token}"
        self._is_known = True

    def _forget(self) -> None:
        """Whoever answers next may be somebody else."""
        self._session.headers.pop("Authorization", None)
        self._is_known = False

    def _exchange(self, method: str, path: str, **given: Any) -> Answer:
        try:
            request = self._session.prepare_request(requests.Request(method, self.url + path, **given))
            # The library's own tidying unquotes dots, and an id of `..` would leave its folder.
            request.url = self.url + path
            said = self._session.send(request, timeout=TIMEOUT_S, allow_redirects=False)
            body = said.json() if said.content else {}
        except requests.JSONDecodeError:
            body = {}
        except requests.RequestException as error:
            self._forget()
            raise _silent(self.url, error) from None
        retry_after = said.headers.get("Retry-After", "1")
        return Answer(
            said.status_code,
            body if isinstance(body, dict) else {},
            float(retry_after) if retry_after.isdecimal() else 1.0,
        )


def _proofs_at(address: str, url: str) -> list[Any]:
    """What whoever listens there says for himself, within bounds of time and size. Raises Unreachable.

    On a thread of its own: no timeout of the library's ends an answer that comes byte by byte.
    """
    heard: list[list[Any] | requests.RequestException] = []

    def ask() -> None:
        try:
            heard.append(_proofs(address))
        except requests.RequestException as error:
            heard.append(error)

    thread = threading.Thread(target=ask, name="proof", daemon=True)
    thread.start()
    thread.join(PROOF_S)
    told = heard[0] if heard else requests.Timeout()
    if isinstance(told, requests.RequestException):
        raise _silent(url, told)
    return told


def _proofs(address: str) -> list[Any]:
    with requests.Session() as session:
        session.trust_env = False
        with session.get(address, timeout=PROOF_S, allow_redirects=False, stream=True) as said:
            try:
                body = json.loads(said.raw.read(MOST_PROOF, decode_content=True))
            except (HTTPError, ValueError, RecursionError):
                return []
    proofs = body.get("proofs") if isinstance(body, dict) else None
    return proofs if isinstance(proofs, list) else []


def _silent(url: str, error: requests.RequestException) -> Unreachable:
    return Unreachable(f"no Starfill answers at {url} ({type(error).__name__})")


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace").replace(".", "%2E")
