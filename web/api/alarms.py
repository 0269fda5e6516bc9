"""`/api/alarms`: do alarms reach their owner, and which were there."""

from fastapi import APIRouter

from domain.values import Message
from watch.kinds import TEXTS
from watch.seen import AlarmDesk, AlarmsSeen
from web.api.views import Time
from web.errors import ErrorBody, Refusal


class ChannelJson(Message):
    """One way to the owner. Nothing of its address is told."""

    name: str
    ok: bool
    """It took the last message, or has not been tried."""
    last_sent_at: Time | None
    last_error: str | None
    queued: int


class KindJson(Message):
    """A kind of alarm, and whether it is sent."""

    name: str
    on: bool
    text: str


class DeadmanJson(Message):
    """The sign of life that is sent outwards while all is well."""

    on: bool
    last_ok_at: Time | None
    error: str | None


class AlarmJson(Message):
    """An alarm since this process began."""

    at: Time
    kind: str
    text: str
    delivered: bool
    """Every channel has taken it."""


class AlarmsJson(Message):
    """All of it; `recent` newest first."""

    channels: tuple[ChannelJson, ...]
    kinds: tuple[KindJson, ...]
    deadman: DeadmanJson
    recent: tuple[AlarmJson, ...]


class SentJson(Message):
    """On its way."""

    channels: int


def alarm_routes(desk: AlarmDesk) -> APIRouter:
    router = APIRouter(prefix="/api/alarms", tags=["status"])

    @router.get("", summary="Do alarms reach their owner, and which were there?")
    def alarms() -> AlarmsJson:
        return alarms_json(desk.seen())

    @router.post(
        "/test",
        status_code=202,
        summary="Send a test on every channel",
        description="Whether it arrives is told by GET /api/alarms, and by what you receive.",
        responses={409: {"model": ErrorBody, "description": "There is no channel"}},
    )
    def test() -> SentJson:
        if not desk.test():
            raise Refusal(
                409,
                "no_alarm_channel",
                "No channel for alarms is set up, so nothing was sent and nobody is told anything.",
                "Set STARFILL_ALARM_URLS and start Starfill again; see docs/alarms.md.",
            )
        return SentJson(channels=len(desk.seen().channels))

    return router


def alarms_json(seen: AlarmsSeen) -> AlarmsJson:
    return AlarmsJson(
        channels=tuple(ChannelJson(**each._asdict()) for each in seen.channels),
        kinds=tuple(KindJson(name=kind, on=on, text=TEXTS[kind]) for kind, on in seen.kinds.items()),
        deadman=DeadmanJson(**seen.deadman._asdict()),
        recent=tuple(AlarmJson(**each._asdict()) for each in seen.recent),
    )
