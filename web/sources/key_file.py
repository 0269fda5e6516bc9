"""`signal-keys.json` in the state folder: who may send signals besides the owner, and how each proves it.

A signing key has to be kept as it is; of a TradingView address and its passphrase only digests are kept.
Each source has at most two live keys, so that a new one can be tried before the old one goes.
"""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from domain.values import Clock, Message, Utc

NAME: Final = "signal-keys.json"
SECRET_BYTES: Final = 32
LIVE_KEYS: Final = 2
MAX_SOURCES: Final = 64
MAX_BYTES: Final = 256 * 1024
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
KeyId = Annotated[str, Field(pattern=r"^[a-z0-9]{4,32}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]


class KeysUnusable(Exception):  # noqa: N818 - what is the case, for the owner
    """The key file, or what was asked of it, cannot be; the text is one sentence with what to do."""


class SigningKey(Message):
    """Signs requests. The secret's ASCII characters are the key."""

    id: KeyId
    made_at: Utc
    secret: Annotated[str, Field(pattern=r"^[\x21-\x7e]{32,128}$", repr=False)]


class HookKey(Message):
    """Opens an address that TradingView posts to; SHA-256 of the path's token and of the passphrase."""

    id: KeyId
    made_at: Utc
    path_sha256: Digest
    passphrase_sha256: Digest


Kind = Literal["signed", "tradingview"]


class SignedSource(Message):
    """A program that signs what it sends."""

    kind: Literal["signed"] = "signed"
    name: SourceName
    keys: Annotated[tuple[SigningKey, ...], Field(min_length=1, max_length=LIVE_KEYS)]


class HookSource(Message):
    """TradingView, which cannot sign."""

    kind: Literal["tradingview"] = "tradingview"
    name: SourceName
    keys: Annotated[tuple[HookKey, ...], Field(min_length=1, max_length=LIVE_KEYS)]


Source = Annotated[SignedSource | HookSource, Field(discriminator="kind")]


class KeyFile(Message):
    """All of the file."""

    version: Literal[1] = 1
    sources: Annotated[tuple[Source, ...], Field(max_length=MAX_SOURCES)] = ()


class Secrets(NamedTuple):
    """What is shown once, when a key is made, and to nobody again."""

    key_id: str
    secret: str
    """The signing key, or the token at the end of the address."""
    passphrase: str = ""
    """TradingView's, for the body."""


def sha256_of(text: str) -> str:
    """The digest by which a secret is known that is not kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_keys(folder: Path) -> KeyFile:
    """The sources; none where there is no file. Raises KeysUnusable."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return KeyFile()
    except OSError as error:
        raise KeysUnusable(
            f"{path} cannot be read ({error.strerror}); make it readable for this user"
        ) from None
    if mode & OTHERS:
        raise KeysUnusable(
            f"{path} can be read by others on this machine, who could then send signals; make new keys with: "
            f"python run.py source rotate NAME, or keep these with: chmod 600 {path}"
        )
    try:
        if len(content) > MAX_BYTES:
            raise ValueError
        return KeyFile.model_validate_json(content)
    except ValueError:  # the library's own text may quote a key
        raise KeysUnusable(
            f"{path} does not hold signal keys; put back a good copy, or delete it and add the sources again"
        ) from None


def add_source(folder: Path, name: str, kind: Kind, clock: Clock) -> Secrets:
    """Make a source with its first key; raises KeysUnusable."""
    with _changing(folder) as (old, save):
        if any(source.name == name for source in old.sources):
            raise KeysUnusable(
                f"there is a source {name} already; a second key for it is made with: "
                f"python run.py source rotate {name}"
            )
        if len(old.sources) >= MAX_SOURCES:
            raise KeysUnusable(f"there are {MAX_SOURCES} sources, more cannot be; remove one first")
        source, shown = _new_source(name, kind, old, clock)
        save(KeyFile(sources=(*old.sources, source)))
    return shown


def rotate_source(folder: Path, name: str, clock: Clock) -> tuple[Kind, Secrets]:
    """Give a source a new key; its newest old one stays good, one before that goes. Raises KeysUnusable."""
    with _changing(folder) as (old, save):
        source = _named(old, name)
        fresh, shown = _new_source(name, source.kind, old, clock)
        kept = source.keys[-(LIVE_KEYS - 1) :]
        rotated = source.model_copy(update={"keys": (*kept, *fresh.keys)})
        save(KeyFile(sources=tuple(rotated if each is source else each for each in old.sources)))
    return source.kind, shown


def remove_source(folder: Path, name: str, key_id: str | None = None) -> int:
    """Remove a source, or one of its keys; how many keys it has left. Raises KeysUnusable."""
    with _changing(folder) as (old, save):
        source = _named(old, name)
        kept = tuple(key for key in source.keys if key_id is not None and key.id != key_id)
        if len(kept) == len(source.keys):
            raise KeysUnusable(f"the source {name} has no key {key_id}; see: python run.py source list")
        left = (source.model_copy(update={"keys": kept}),) if kept else ()
        others = tuple(each for each in old.sources if each is not source)
        save(KeyFile(sources=(*others, *left)))
    return len(kept)


def _named(file: KeyFile, name: str) -> SignedSource | HookSource:
    for source in file.sources:
        if source.name == name:
            return source
    raise KeysUnusable(f"there is no source {name}; see: python run.py source list")


def _new_source(
    name: str, kind: Kind, known: KeyFile, clock: Clock
) -> tuple[SignedSource | HookSource, Secrets]:
    taken = {key.id for source in known.sources for key in source.keys}
    key_id = next(each for each in iter(lambda: "k" + secrets.token_hex(4), "") if each not in taken)
    secret, passphrase = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    try:
        if kind == "signed":
            key = SigningKey(id=key_id, made_at=clock(), secret=secret)
            return SignedSource(name=name, keys=(key,)), Secrets(key_id, secret)
        hook = HookKey(
            id=key_id,
            made_at=clock(),
            path_sha256=sha256_of(secret),
            passphrase_sha256=sha256_of(passphrase),
        )
        return HookSource(name=name, keys=(hook,)), Secrets(key_id, secret, passphrase)
    except ValidationError:
        raise KeysUnusable(
            "a source's name is 1 to 64 letters, digits, dots, dashes and underscores, as news-desk"
        ) from None


Save = Callable[[KeyFile], None]


@contextmanager
def _changing(folder: Path) -> Iterator[tuple[KeyFile, Save]]:
    """The file as it is, and how to replace it; one process at a time. Raises KeysUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / f".{NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KeysUnusable(f"{folder} cannot be written ({error.strerror}); nothing was changed") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_keys(folder), lambda file: _write(folder, file)
    finally:
        os.close(lock)


def _write(folder: Path, file: KeyFile) -> None:
    """Whole or not at all, also across a crash; raises KeysUnusable."""
    draft = folder / f".{NAME}.{os.getpid()}"
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(file.model_dump_json(indent=2) + "\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(folder / NAME)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise KeysUnusable(
            f"{folder / NAME} cannot be written ({error.strerror}); nothing was changed"
        ) from None
