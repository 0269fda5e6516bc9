"""The API against its own description: requests that schemathesis makes from it, answers held against it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import TOKEN, Api, serving
from tests.web.test_figures import buy_and_sell
from tests.web.test_trades import plan

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
EXAMPLES = 40


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A ledger with something of everything in it."""
    folder: Path = tmp_path_factory.mktemp("contract")
    with serving(folder) as api:
        api.read_account(IBM="5", equity="5000")
        buy_and_sell(api, "ACME", "14.3")
        plan(api, "KO")
        yield api


def test_every_answer_is_one_that_the_description_has(served: Api) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", headers=headers)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        if operation.path == "/api/events":  # it does not end; tests/web/test_events.py reads it
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=operation.as_strategy())
        def conforms(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=list(CHECKS))

        conforms()
        tried += 1
    assert tried == len([path for path in methods(served) if path[1] != "/api/events"])


def methods(api: Api) -> list[tuple[str, str]]:
    """By method and path, all that the description has."""
    paths = api.get("/openapi.json").json()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]
