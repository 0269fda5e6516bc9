"""How lists are asked for: a limit, and the cursor of the page before."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query

from web.errors import Fault, Refusal

Paged = TypeVar("Paged")

Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


def page_of(read: Callable[[], Paged]) -> Paged:
    """What the reader answers; raises Refusal for a cursor that it does not know."""
    try:
        return read()
    except ValueError:
        raise Refusal(
            422,
            "bad_parameters",
            "The cursor is not one of this list.",
            "Take it from `next` of the page before, or leave it out for the first page.",
            details=[Fault(field="cursor", fault="is not a cursor of this list")],
        ) from None
