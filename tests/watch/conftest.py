from collections.abc import Iterator

import pytest

from tests.watch.service import Service, a_service


@pytest.fixture
def service() -> Iterator[Service]:
    with a_service() as running:
        yield running
