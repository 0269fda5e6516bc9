"""Every route has a role, and a token of a lower one does not reach it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from tests.web.conftest import TOKENS, Api, body, serving
from web.guard import STATIC
from web.roles import TABLE, Role, demand

BY_ROLE = {Role.VIEW: TOKENS.view, Role.OPERATE: TOKENS.operate, Role.ARM: TOKENS.arm}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each; anything that is no route of the API but static files is a fault."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            assert route.path + "/" == STATIC
            continue
        assert isinstance(route, APIRoute), route
        assert demand in {each.call for each in context.dependant.dependencies}, context.path
        assert context.path is not None
        yield from ((method, context.path) for method in context.methods or ())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("roles")) as api:
        yield api


def test_every_route_has_a_role(served: Api) -> None:
    routes = set(routes_of(served.app))
    assert len(routes) > 15
    assert routes - TABLE.keys() == set()


def test_what_reads_needs_view_and_what_changes_needs_more() -> None:
    own = {"/api/session", "/api/session/arm"}
    for (method, path), role in TABLE.items():
        if role is not Role.OPEN and path not in own:
            assert (role is Role.VIEW) == (method == "GET"), path


def test_a_route_without_a_role_is_seen_and_answers_nobody(served: Api) -> None:
    router = APIRouter()

    @router.get("/forgotten")
    def forgotten() -> str:
        return "data"

    served.app.include_router(router)
    try:
        assert ("GET", "/forgotten") in set(routes_of(served.app)) - TABLE.keys()
        assert served.get("/forgotten").status_code == 500
    finally:
        served.app.router.routes.pop()


def asked(api: Api, method: str, path: str, token: str | None) -> tuple[int, str]:
    """The status and, where it is a refusal, its code; a stream is left at once."""
    bearer = None if token is None else f"Bearer {token}"
    address = re.sub("{[a-z_]+(:path)?}", "1", path)
    with api.call(method, address, headers={"Authorization": bearer}, stream=True) as answer:
        return answer.status_code, answer.json()["code"] if answer.status_code in {401, 403} else ""


def test_a_token_below_a_routes_role_is_refused(served: Api) -> None:
    for method, path in sorted(routes_of(served.app)):
        needed = TABLE[method, path]
        for role, token in BY_ROLE.items():
            status, code = asked(served, method, path, token)
            assert (code == "role_too_low") == (role < needed), (method, path, role)
            assert status != 401
        status, _ = asked(served, method, path, None)
        assert (status == 401) == (needed is not Role.OPEN), (method, path)


def test_a_refusal_by_role_comes_before_the_body_is_looked_at(served: Api) -> None:
    answer = served.call(
        "POST", "/api/signals", data=b"not json", headers={"Authorization": f"Bearer {TOKENS.view}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "role_too_low")


def test_the_token_to_operate_sends_signals_and_halts_and_resumes_nothing(tmp_path: Path) -> None:
    bearer = {"Authorization": f"Bearer {TOKENS.operate}"}
    why = {"scope": "all", "reason": "test"}
    with serving(tmp_path) as api:
        assert api.call("POST", "/api/signals", json=body(), headers=bearer).status_code == 202
        assert api.call("POST", "/api/halt", json=why, headers=bearer).status_code == 200
        refused = api.call("POST", "/api/resume", json=why, headers=bearer)
        assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")
        assert len(api.queries.standing_halts()) == 1
        assert api.call("POST", "/api/resume", json=why).status_code == 200
        assert api.queries.standing_halts() == ()
