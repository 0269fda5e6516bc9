"""How lists are asked for: a limit, and the cursor of the page before."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime

from web.errors import Fault, Refusal

Paged = TypeVar("Paged")

Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page")]


def _in_books(moment: datetime) -> datetime:
    """In UTC, and as far as the ledger can count."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is too far away") from None


_Moment = Annotated[AwareDatetime, AfterValidator(_in_books)]
Since = Annotated[_Moment | None, Query(description="Only from then on; ISO 8601 with its zone")]
Until = Annotated[_Moment | None, Query(description="Only before then")]
Text = Annotated[str | None, Query(max_length=64, description="Only with this text in its names")]
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
