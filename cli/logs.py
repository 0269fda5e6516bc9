"""Logging: one JSON object a line, and no secret in any of them.

Secrets are found by value in the finished text: wherever one came from (a message, an exception, a
library's own line), it does not leave.
"""

import base64
import json
import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict, WrappedLogger

from settings import SIMULATOR_KEY

NAME: Final = "starfill.log"
MAX_BYTES: Final = 10_000_000
KEPT: Final = 3
MASK: Final = "***"
PUBLIC: Final = frozenset({"", SIMULATOR_KEY})
"""Not secret, and part of ordinary words."""


def configure(*, secrets: Iterable[str], file: Path | None = None) -> None:
    """Log to stderr, or to this file (0600) where a live table owns the terminal. Replaces earlier ones."""
    # A failing log line must not print its arguments, unredacted, to stderr.
    logging.raiseExceptions = False
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if file is None else _private_file(file)
    handler.setFormatter(_formatter(secrets))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def hide(secret: str) -> None:
    """Keep one more secret out of the log that is set up: one that was not known then, as the API's token."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Redacting):
            handler.formatter.hide(secret)


def _formatter(secrets: Iterable[str]) -> logging.Formatter:
    return _Redacting(
        secrets,
        processors=[
            _describe,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr),
        ],
    )


def _describe(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how bad, who, on which thread, about whose trade; then what."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    described: dict[str, Any] = {
        "timestamp": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "thread": record.threadName,
    }
    return described | get_contextvars() | dict(event)


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Replaces every secret, in each spelling it could have, in the finished line."""

    def __init__(self, secrets: Iterable[str], **given: Any) -> None:
        super().__init__(**given)
        self._spellings: list[str] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        if secret not in PUBLIC:
            # The longest first: one secret may be part of another.
            self._spellings = sorted({*self._spellings, *_spellings(secret)}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for spelling in self._spellings:
            line = line.replace(spelling, MASK)
        return line


def _spellings(secret: str) -> set[str]:
    raw = secret.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    bare = {each.rstrip("=") for each in encoded}
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex()} | encoded | bare


def _private_file(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8")


class _PrivateFile(RotatingFileHandler):
    """A log that only its owner can read, and that cannot fill the disk."""

    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=_owner_only)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
