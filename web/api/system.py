"""`/api/system`: the machinery, for whoever wonders whether it is well."""

import os
import resource
import shutil
import threading
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from domain.values import Message
from web.api.views import Time
from web.bot import Bot
from web.hub import Hub

_STATM: Final = Path("/proc/self/statm")


class ActorJson(Message):
    """One actor."""

    name: str
    mailbox: int
    """Mail that it has been sent and has not done."""
    handled: int
    """Mail that it has done since it was started."""
    answered_s_ago: float
    """Since its last heartbeat; they come every few seconds."""


class RequestsJson(Message):
    """Requests to the broker's trading API that this minute still has."""

    limit: int | None
    remaining: int | None
    held_s: float
    """Seconds in which nothing is sent, because the broker asked for it."""


class ConnectionJson(Message):
    """The trading stream's connections."""

    connected: bool
    since: Time | None
    connects: int
    """Since this process began."""
    last_event_at: Time | None


class LedgerJson(Message):
    """The ledger's file. Bytes."""

    file: str
    db_schema: int
    bytes: int
    wal_bytes: int
    free_bytes: int | None
    journal_rows: int


class SystemJson(Message):
    """The process, its actors, and what they depend on."""

    version: str
    mode: str
    pid: int
    started_at: Time
    uptime_s: int
    actors: tuple[ActorJson, ...]
    rebuilds: int
    """How often all actors were made anew since this process began."""
    requests: RequestsJson
    stream: ConnectionJson
    ledger: LedgerJson
    threads: int
    rss_bytes: int
    event_streams: int
    """Readers of /api/events."""


def system_routes(bot: Bot, hub: Hub) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["status"])

    @router.get(
        "/system", summary="Actors, mailboxes, heartbeats, restarts, the rate limit, the ledger's file"
    )
    def system() -> SystemJson:
        now, process, seen = bot.clock(), bot.process(), bot.board.stream
        return SystemJson(
            version=bot.about.version,
            mode=bot.about.mode,
            pid=os.getpid(),
            started_at=bot.about.started_at,
            uptime_s=max(0, round((now - bot.about.started_at).total_seconds())),
            actors=tuple(
                ActorJson(
                    name=each.name,
                    mailbox=each.waiting,
                    handled=each.handled,
                    answered_s_ago=round(each.answered_s_ago, 1),
                )
                for each in process.actors
            ),
            rebuilds=process.rebuilds,
            requests=RequestsJson(
                limit=process.requests.limit,
                remaining=process.requests.left,
                held_s=round(process.requests.held_s, 1),
            ),
            stream=ConnectionJson(
                connected=seen.connected,
                since=seen.since,
                connects=seen.connects,
                last_event_at=seen.last_event_at,
            ),
            ledger=_ledger(bot),
            threads=threading.active_count(),
            rss_bytes=_rss(),
            event_streams=hub.streams,
        )

    return router


def _ledger(bot: Bot) -> LedgerJson:
    file = bot.desk_queries.file()
    try:
        free: int | None = shutil.disk_usage(file.path.parent).free
    except OSError:
        free = None
    return LedgerJson(
        file=file.path.name,
        db_schema=file.schema,
        bytes=file.size,
        wal_bytes=file.wal_size,
        free_bytes=free,
        journal_rows=file.journal_rows,
    )


def _rss() -> int:
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):  # not Linux: the highest it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
