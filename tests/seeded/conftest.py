import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Faults are all that happens here; the actors' warnings of them would fill the reports."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
