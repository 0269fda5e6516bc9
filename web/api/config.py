"""`/api/config`: what the owner sets while the bot runs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from pydantic import field_serializer

from actors.base import Mailbox
from domain.config import BotConfig
from domain.config_risk import loosened
from domain.messages import ChangeConfig, ConfigChanged, ConfigLoosens, ConfigRefused, LedgerUnwritable
from domain.settings_text import (
    KEYS,
    SettingChange,
    SettingFault,
    changed,
    description,
    differences,
    warnings,
)
from domain.signals import decimal_text
from domain.values import Message
from persistence.queries import Queries
from web.api.asking import ASK_TIMEOUT_S, UNWRITABLE_RETRY_S, answered
from web.bodies import object_from, read_body
from web.errors import ErrorBody, Fault, Refusal, unavailable
from web.roles import Caller, Role, caller_of, require

BY_API: Final = "api"
BY_CLI: Final = "cli"
CLI_AGENT: Final = "starfill-cli"
"""How our own command line names itself; it says who set what, and opens nothing."""
WAITING_CHANGES: Final = 2
LOOK_FIRST: Final = "See /api/config for what is set, and ask again: a repeat changes nothing more."
NO_VALUE: Final = "?"
"""In words, what no setting takes."""
DESCRIPTIONS: Final = {key: description(key) for key in KEYS}
_LISTS: Final = {key for key in KEYS if isinstance(BotConfig.model_fields[key].default, tuple)}
_DECIMALS: Final = tuple(key for key in KEYS if isinstance(BotConfig.model_fields[key].default, Decimal))


class ConfigValues(BotConfig):
    """The owner's settings; decimals are strings."""

    @field_serializer(*_DECIMALS, when_used="json")
    def _digits(self, value: Decimal) -> str:
        return decimal_text(value)


class ConfigJson(Message):
    """The owner's settings, and what they mean."""

    config: ConfigValues
    defaults: ConfigValues
    descriptions: dict[str, str]
    """Of each setting: what it means, what it takes, its default."""
    warnings: tuple[str, ...]
    """What is allowed and may not be meant."""
    ledger: str
    """The file that holds them."""


class ConfigChangedJson(Message):
    """The settings as they are now."""

    config: ConfigValues
    changed: tuple[SettingChange, ...]
    """Empty: all was so already."""
    warnings: tuple[str, ...]
    ledger: str


class PreviewedChange(Message):
    """One setting that would change, in words."""

    name: str
    before: str
    after: str
    loosens: bool
    """It lets more risk in."""
    needs: str
    """The role that may change it so: operate, or arm."""


class ConfigPreviewJson(Message):
    """What would change; nothing was."""

    changes: tuple[PreviewedChange, ...]
    faults: tuple[Fault, ...]
    """Everything that is wrong; with any of them nothing would be set."""
    warnings: tuple[str, ...]


class ConfigDesk:
    """Has the ledger change settings; blocks while it makes that durable."""

    def __init__(self, ledger: Mailbox[ChangeConfig], queries: Queries) -> None:
        self._ledger = ledger
        self._queries = queries

    def now(self) -> ConfigJson:
        config = self._queries.config()
        return ConfigJson(
            config=_values(config),
            defaults=ConfigValues(),
            descriptions=DESCRIPTIONS,
            warnings=warnings(config),
            ledger=str(self._queries.path),
        )

    def preview(self, fields: Mapping[str, Any]) -> ConfigPreviewJson:
        """What would change, and what is wrong; nothing is set."""
        old = self._queries.config()
        new = changed(old, _changes(fields))
        if isinstance(new, tuple):
            faults = tuple(Fault(field=each.key, fault=each.fault) for each in new)
            return ConfigPreviewJson(changes=(), faults=faults, warnings=())
        looser = loosened(old, new)
        return ConfigPreviewJson(
            changes=tuple(
                PreviewedChange(
                    name=each.key,
                    before=each.old,
                    after=each.new,
                    loosens=each.key in looser,
                    needs=(Role.ARM if each.key in looser else Role.OPERATE).word,
                )
                for each in differences(old, new)
            ),
            faults=(),
            warnings=warnings(new),
        )

    def change(self, fields: Mapping[str, Any], by: str, caller: Caller) -> ConfigChangedJson:
        """What changed; raises Refusal."""
        mail = ChangeConfig(changes=_changes(fields), by=by, may_loosen=caller.role >= Role.ARM)
        undone = "no setting was changed"
        with answered(undone=undone, in_doubt="the settings may have been changed or not", fix=LOOK_FIRST):
            answer = self._ledger.ask(
                mail, ConfigChanged, ConfigRefused, ConfigLoosens, LedgerUnwritable, timeout=ASK_TIMEOUT_S
            )
        if isinstance(answer, LedgerUnwritable):
            raise unavailable(
                f"The ledger cannot be written ({answer.why}); {undone}.",
                "Ask again when it can.",
                retry_after_s=UNWRITABLE_RETRY_S,
            )
        if isinstance(answer, ConfigLoosens):
            require(caller, Role.ARM)  # which refuses: the ledger went by the same role
        if not isinstance(answer, ConfigChanged | ConfigRefused):
            raise TypeError(f"a caller of the role {caller.role.word} was refused")
        if isinstance(answer, ConfigRefused):
            raise _refused(answer.faults)
        return ConfigChangedJson(
            config=_values(answer.config),
            changed=answer.changed,
            warnings=warnings(answer.config),
            ledger=str(self._queries.path),
        )


def config_routes(desk: ConfigDesk) -> APIRouter:
    router = APIRouter(prefix="/api/config", tags=["config"])
    threads = CapacityLimiter(WAITING_CHANGES)

    @router.get("", summary="The owner's settings, their defaults, and what each one means")
    def now() -> ConfigJson:
        return desk.now()

    @router.put(
        "",
        summary="Change settings",
        description=(
            "All that the body names or, with a fault anywhere, none; what it does not name stays. It counts "
            "from the next signal on, and is journaled with its old and new value."
        ),
        responses={
            400: {"model": ErrorBody, "description": "Not one JSON object in UTF-8"},
            403: {"model": ErrorBody, "description": "It lets more risk in, which needs the role arm"},
            413: {"model": ErrorBody, "description": "Larger than 16 KiB"},
            415: {"model": ErrorBody, "description": "Not sent as application/json"},
            422: {"model": ErrorBody, "description": "Not valid; every fault is named, nothing was changed"},
            503: {"model": ErrorBody, "description": "The ledger does not answer, or cannot be written"},
        },
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": _body_schema()}}}
        },
    )
    async def change(
        request: Request,
        preview: Annotated[bool, Query(description="Only tell what would change")] = False,
    ) -> ConfigChangedJson | ConfigPreviewJson:
        fields = object_from(await read_body(request))
        if preview:
            return await to_thread.run_sync(desk.preview, fields, limiter=threads)
        by = BY_CLI if request.headers.get("user-agent") == CLI_AGENT else BY_API
        return await to_thread.run_sync(desk.change, fields, by, caller_of(request), limiter=threads)

    return router


def _changes(fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((_plain(key), _text(key, value)) for key, value in fields.items())


def _values(config: BotConfig) -> ConfigValues:
    return ConfigValues(**dict(config))


def _text(key: str, value: Any) -> str:
    """The body's value in words; `NO_VALUE` for what is none, to be refused beside all other faults."""
    if isinstance(value, list):
        return ",".join(map(_item, value)) if key in _LISTS else NO_VALUE
    if isinstance(value, bool):
        return str(value).lower()
    # A half of a surrogate pair is in no name or value of ours, and no message can carry it.
    return _plain(str(value)) if isinstance(value, str | int | Decimal) else NO_VALUE


def _item(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return _plain(text) if text.strip() and "," not in text else NO_VALUE


def _plain(text: str) -> str:
    return text.encode(errors="replace").decode()


def _refused(faults: tuple[SettingFault, ...]) -> Refusal:
    details = sorted(
        (Fault(field=each.key, fault=each.fault) for each in faults), key=lambda fault: fault.field
    )
    return Refusal(
        422,
        "bad_config",
        "The settings are not valid; nothing was changed.",
        "Correct every fault that `details` names and send it again.",
        details=details,
    )


def _body_schema() -> dict[str, Any]:
    """Every setting, none required, each with its description; any may also be given in words."""
    schema = ConfigValues.model_json_schema(mode="serialization")
    fields = {
        name: {key: value for key, value in field.items() if key != "default"}
        | {"description": DESCRIPTIONS[name]}
        for name, field in schema["properties"].items()
    }
    return {"type": "object", "properties": fields, "additionalProperties": False}
