"""`/api/journal`, `/api/config/history`: what was done and why, row by row."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from domain.settings_text import SettingChange
from domain.values import Message
from persistence.queries import JournalQueries
from persistence.rows import ConfigChange, JournalRow
from web.api.paging import Cursor, Limit, page_of
from web.api.views import ListJson, Time, list_json


class JournalRowJson(Message):
    """One line of the journal, as it was sealed."""

    seq: int
    at: Time
    kind: str
    ref: str
    """What it is about: an order's, a signal's or a trade's id, a symbol, `all`, ..., as its kind goes."""
    payload: dict[str, Any]


class ConfigChangeJson(Message):
    """What of the settings was changed at once, and by whom."""

    seq: int
    at: Time
    by: str
    changes: tuple[SettingChange, ...]


def journal_routes(journal: JournalQueries) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["journal"])

    @router.get("/journal", summary="What was done and why, newest first")
    def rows(
        limit: Limit = 100,
        cursor: Cursor = None,
        kind: Annotated[
            str | None, Query(max_length=64, description="Only of this kind, as order_heard")
        ] = None,
        ref: Annotated[
            str | None, Query(max_length=256, description="Only about this: an id, a symbol, all")
        ] = None,
    ) -> ListJson[JournalRowJson]:
        page = page_of(lambda: journal.page(limit=limit, cursor=cursor, kind=kind, ref=ref))
        return list_json(page, row_json)

    @router.get("/config/history", summary="Who set what, newest first", tags=["config"])
    def history(limit: Limit = 100, cursor: Cursor = None) -> ListJson[ConfigChangeJson]:
        return list_json(page_of(lambda: journal.config_changes(limit=limit, cursor=cursor)), _change_json)

    return router


def row_json(row: JournalRow) -> JournalRowJson:
    return JournalRowJson(**dict(row))


def _change_json(change: ConfigChange) -> ConfigChangeJson:
    return ConfigChangeJson(**dict(change))
