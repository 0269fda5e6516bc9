"""The session of the dashboard: what opens it, what it is good for, what a foreign page cannot do with it."""

from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.web.conftest import ACCOUNT, NOW, TOKENS, Api, serving
from web.roles import Role
from web.sessions import LIFE, cookie_name, opened, sealed, unsealed
from web.token import Tokens

KEY = TOKENS.session_key
HALT = {"scope": "all", "reason": "test"}


@dataclass
class Page:
    """A page of this server in a browser."""

    api: Api
    cookie: str
    csrf: str

    def call(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {
            "Authorization": None,
            "Cookie": self.cookie,
            "Origin": self.api.url,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
            "X-CSRF-Token": self.csrf,
        } | given.pop("headers", {})
        answer = self.api.call(method, path, headers=headers, **given)
        self.api.session.cookies.clear()  # the page alone has them
        if "Set-Cookie" in answer.headers:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return answer

    def arm(self, number: str = ACCOUNT) -> requests.Response:
        return self.call("POST", "/api/session/arm", json={"account_number": number})


def login(api: Api, token: str, **headers: str) -> requests.Response:
    given = {"Authorization": None, "Origin": api.url} | headers
    answer = api.call("POST", "/api/session", json={"token": token}, headers=given)
    api.session.cookies.clear()
    return answer


def page(api: Api, token: str = TOKENS.arm) -> Page:
    answer = login(api, token)
    assert answer.status_code == 200, answer.text
    return Page(api, answer.headers["Set-Cookie"].partition(";")[0], answer.json()["csrf"])


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_cookie_is_for_this_servers_pages_and_no_script(api: Api) -> None:
    answer = login(api, TOKENS.view)
    cookie = SimpleCookie(answer.headers["Set-Cookie"])
    morsel = cookie[cookie_name(urlsplit(api.url).port or 0)]
    assert morsel["httponly"] is True
    assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("strict", "/", "")
    assert int(morsel["max-age"]) == LIFE.total_seconds()
    assert answer.json()["role"] == "view"
    assert answer.json()["armed_until"] is None
    assert not [token for token in (TOKENS.view, TOKENS.arm) if token in answer.text + morsel.value]


@pytest.mark.parametrize("role", ["view", "operate", "arm"])
def test_a_session_has_the_role_of_its_token(api: Api, role: str) -> None:
    seat = page(api, getattr(TOKENS, role))
    told = seat.call("GET", "/api/session").json()
    assert (told["role"], told["csrf"]) == (role, seat.csrf)
    assert seat.call("GET", "/api/trades").status_code == 200
    assert seat.call("POST", "/api/halt", json=HALT).status_code == (403 if role == "view" else 200)


def test_a_session_of_the_arming_token_operates_until_it_is_armed_and_ten_minutes_after_again(
    api: Api,
) -> None:
    seat = page(api)
    assert seat.call("POST", "/api/halt", json=HALT).status_code == 200
    assert code(seat.call("POST", "/api/resume", json=HALT)) == (403, "not_armed")
    told = seat.arm()
    assert told.json()["armed_until"] == "2026-11-12T15:10:00Z"
    assert seat.call("POST", "/api/resume", json=HALT).status_code == 200
    api.clock.advance(599)
    assert seat.call("POST", "/api/resume", json=HALT).status_code == 200
    api.clock.advance(1)
    assert code(seat.call("POST", "/api/resume", json=HALT)) == (403, "not_armed")
    assert seat.call("GET", "/api/session").json()["armed_until"] is None


def test_another_accounts_number_arms_nothing_and_few_tries_are_allowed(api: Api) -> None:
    seat = page(api)
    for _ in range(5):
        assert code(seat.arm("PA3OTHER")) == (403, "wrong_account")
    held_up = seat.arm()  # also with the right one: five wrong ones are no slip
    assert code(held_up) == (429, "too_many_attempts")
    assert 0 < int(held_up.headers["Retry-After"]) <= 60
    assert code(seat.call("POST", "/api/resume", json=HALT)) == (403, "not_armed")
    assert api.call("POST", "/api/resume", json=HALT).status_code == 200  # the token itself is not held up


@pytest.mark.parametrize("role", ["view", "operate"])
def test_a_session_of_a_lower_token_cannot_be_armed(api: Api, role: str) -> None:
    assert code(page(api, getattr(TOKENS, role)).arm()) == (403, "role_too_low")


def test_a_token_has_no_session_to_arm(api: Api) -> None:
    answer = api.call("POST", "/api/session/arm", json={"account_number": ACCOUNT})
    assert code(answer) == (409, "no_session")
    told = api.get("/api/session").json()
    assert told == {"role": "arm", "armed_until": None, "expires_at": None, "csrf": None}


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(api: Api) -> None:
    for _ in range(5):
        assert code(login(api, "x" * 43)) == (401, "unauthorized")
    assert code(login(api, "x" * 43)) == (429, "too_many_attempts")
    assert login(api, TOKENS.operate).status_code == 200
    assert api.get("/api/trades").status_code == 200


def test_a_session_ends_after_half_a_day(api: Api) -> None:
    seat = page(api)
    api.clock.advance(LIFE.total_seconds() - 1)
    assert seat.call("GET", "/api/trades").status_code == 200
    api.clock.advance(1)
    assert code(seat.call("GET", "/api/trades")) == (401, "unauthorized")


def test_a_session_ends_in_the_browser_when_it_is_told_to(api: Api) -> None:
    seat = page(api)
    answer = seat.call("DELETE", "/api/session")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert seat.call("GET", "/api/trades").status_code == 401


def test_a_session_outlasts_a_restart_and_no_change_of_a_token(tmp_path: Path) -> None:
    with serving(tmp_path) as api:
        value = page(api).cookie.partition("=")[2]
    with serving(tmp_path) as again:
        name = cookie_name(urlsplit(again.url).port or 0)
        assert Page(again, f"{name}={value}", "").call("GET", "/api/trades").status_code == 200
    for role in ("arm", "operate", "view"):
        changed = Tokens(
            **{each: getattr(TOKENS, each) for each in ("arm", "operate", "view")} | {role: "y" * 43}
        )
        assert unsealed(value, changed.session_key) is None
        assert unsealed(value, KEY) is not None


def test_no_character_of_a_cookie_can_be_changed() -> None:
    value = sealed(opened(Role.VIEW, NOW), KEY)
    body, _, mac = value.partition(".")
    assert unsealed(value, KEY) is not None
    for place in range(len(body) - 1):  # the last one has bits that say nothing
        for other in "AZaz09_-":
            if other != body[place]:
                assert unsealed(f"{body[:place]}{other}{body[place + 1 :]}.{mac}", KEY) is None
    for spoiled in ("", ".", body, f"{body}.", f".{mac}", f"{body}.{mac[:-2]}", "é.é", f"{body}.{mac}" * 9):
        assert unsealed(spoiled, KEY) is None


CROSS = {"Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": None}, "foreign_origin"),
        ({"Origin": "http://evil.com"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        (CROSS, "foreign_origin"),
        ({"Sec-Fetch-Site": "same-site"}, "foreign_origin"),
        ({"X-CSRF-Token": None}, "bad_csrf"),
        ({"X-CSRF-Token": ""}, "bad_csrf"),
        ({"X-CSRF-Token": "x" * 43}, "bad_csrf"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "bad_csrf"),
        ({"Content-Type": "text/plain"}, "bad_csrf"),
        ({"Content-Type": None}, "bad_csrf"),
    ],
)
def test_a_change_by_cookie_needs_proof_that_our_own_page_asks(
    shared: Api, headers: dict[str, str | None], expected: str
) -> None:
    seat = page(shared)
    answer = seat.call("POST", "/api/halt", data='{"scope":"all","reason":"test"}', headers=headers)
    assert code(answer) == (403, expected)
    assert shared.queries.standing_halts() == ()


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
)


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_reads_nothing_by_cookie_also_no_stream(shared: Api, headers: dict[str, str]) -> None:
    seat = page(shared)
    for path in ("/api/trades", "/api/events", "/api/session", "/docs"):
        assert code(seat.call("GET", path, headers=headers)) == (403, "foreign_origin")
    # A link to the dashboard.
    assert seat.call("GET", "/", headers=headers).status_code != 403


def test_one_sessions_csrf_token_is_not_anothers(shared: Api) -> None:
    one, other = page(shared), page(shared)
    assert one.csrf != other.csrf
    answer = one.call("POST", "/api/halt", json=HALT, headers={"X-CSRF-Token": other.csrf})
    assert code(answer) == (403, "bad_csrf")


def test_a_wrong_token_is_not_made_good_by_a_cookie(shared: Api) -> None:
    seat = page(shared)
    answer = seat.call("GET", "/api/trades", headers={"Authorization": "Bearer wrong"})
    assert code(answer) == (401, "unauthorized")


def test_anothers_cookie_of_the_same_name_is_passed_over(shared: Api) -> None:
    seat = page(shared)
    name, _, value = seat.cookie.partition("=")
    seat.cookie = f"{name}=junk; other={value}; {name}={value}; {name}=more"
    assert seat.call("GET", "/api/trades").status_code == 200
    seat.cookie = f"{name}x={value}"
    assert seat.call("GET", "/api/trades").status_code == 401


def test_a_foreign_page_opens_no_session(shared: Api) -> None:
    assert code(login(shared, TOKENS.view, Origin="http://evil.com")) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "sent", [{}, {"token": 1}, {"token": ""}, {"token": "x" * 201}, {"token": "a", "b": 1}]
)
def test_what_is_no_token_is_named(shared: Api, sent: dict[str, Any]) -> None:
    answer = shared.call("POST", "/api/session", json=sent, headers={"Authorization": None})
    assert code(answer) == (422, "bad_request")
