"""`/api/config`: what the owner sets while the bot runs."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from pydantic import field_serializer

from actors.base import Mailbox
from domain.config import BotConfig
from domain.messages import ChangeConfig, ConfigChanged, ConfigRefused, LedgerUnwritable
from domain.settings_text import KEYS, SettingChange, SettingFault, description, warnings
from domain.signals import decimal_text
from domain.values import Message
from persistence.queries import Queries
from web.asking import ASK_TIMEOUT_S, UNWRITABLE_RETRY_S, answered
from web.bodies import object_from, read_body, shown
from web.errors import ErrorBody, Fault, Refusal, unavailable

BY_API: Final = "api"
BY_CLI: Final = "cli"
CLI_AGENT: Final = "starfill-cli"
"""How our own command line names itself; it says who set what, and opens nothing."""
WAITING_CHANGES: Final = 2
LOOK_FIRST: Final = "See /api/config for what is set, and ask again: a repeat changes nothing more."
NOT_A_VALUE: Final = "must be a number, a text, true or false, or a list of numbers or of texts"
DESCRIPTIONS: Final = {key: description(key) for key in KEYS}
_DECIMALS: Final = tuple(key for key in KEYS if isinstance(BotConfig.model_fields[key].default, Decimal))


class ConfigValues(BotConfig):
    """The owner's settings; decimals are strings."""

    @field_serializer(*_DECIMALS, when_used="json")
    def _digits(self, value: Decimal) -> str:
        return decimal_text(value)


class ConfigJson(Message):
    """All about the owner's settings."""

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


class Settings:
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

    def change(self, fields: Mapping[str, Any], by: str) -> ConfigChangedJson:
        """What changed; raises Refusal."""
        mail = ChangeConfig(changes=tuple(_texts(fields)), by=by)
        undone = "no setting was changed"
        with answered(undone=undone, in_doubt="the settings may have been changed or not", fix=LOOK_FIRST):
            answer = self._ledger.ask(
                mail, ConfigChanged, ConfigRefused, LedgerUnwritable, timeout=ASK_TIMEOUT_S
            )
        if isinstance(answer, LedgerUnwritable):
            raise unavailable(
                f"The ledger cannot be written ({answer.why}); {undone}.",
                "Ask again when it can.",
                retry_after_s=UNWRITABLE_RETRY_S,
            )
        if isinstance(answer, ConfigRefused):
            raise _refused(answer.faults)
        return ConfigChangedJson(
            config=_values(answer.config),
            changed=answer.changed,
            warnings=warnings(answer.config),
            ledger=str(self._queries.path),
        )


def config_routes(settings: Settings) -> APIRouter:
    router = APIRouter(prefix="/api/config", tags=["config"])
    threads = CapacityLimiter(WAITING_CHANGES)

    @router.get("", summary="The owner's settings, their defaults, and what each one means")
    def now() -> ConfigJson:
        return settings.now()

    @router.put(
        "",
        summary="Change settings",
        description=(
            "All that the body names or, with a fault anywhere, none; what it does not name stays. It counts "
            "from the next signal on, and is journaled with its old and new value."
        ),
        responses={
            400: {"model": ErrorBody, "description": "Not one JSON object in UTF-8"},
            413: {"model": ErrorBody, "description": "Larger than 16 KiB"},
            415: {"model": ErrorBody, "description": "Not sent as application/json"},
            422: {"model": ErrorBody, "description": "Not valid; every fault is named, nothing was changed"},
            503: {"model": ErrorBody, "description": "The ledger does not answer, or cannot be written"},
        },
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": _body_schema()}}}
        },
    )
    async def change(request: Request) -> ConfigChangedJson:
        fields = object_from(await read_body(request))
        by = BY_CLI if request.headers.get("user-agent") == CLI_AGENT else BY_API
        return await to_thread.run_sync(settings.change, fields, by, limiter=threads)

    return router


def _values(config: BotConfig) -> ConfigValues:
    return ConfigValues(**dict(config))


def _texts(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The body's values in words; raises Refusal, which names those that are none."""
    texts = {key: _text(value) for key, value in fields.items()}
    faults = [SettingFault(key=shown(key), fault=NOT_A_VALUE) for key, text in texts.items() if text is None]
    if faults:
        raise _refused(tuple(faults))
    # Half a surrogate is no text to anybody else; with it goes nothing that a setting could take.
    return ((_plain(key), _plain(text)) for key, text in texts.items() if text is not None)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | Decimal):
        return str(value)
    if isinstance(value, list):
        items = [_text(each) for each in value if not isinstance(each, bool | list)]
        words = [each for each in items if each is not None]
        # A list's items are never several in one text.
        good = len(words) == len(value) and not any("," in each or not each.strip() for each in words)
        return ",".join(words) if good else None
    return None


def _plain(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _refused(faults: tuple[SettingFault, ...]) -> Refusal:
    details = sorted(
        (Fault(field=shown(each.key), fault=each.fault) for each in faults), key=lambda fault: fault.field
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
