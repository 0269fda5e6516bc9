"""The tokens of the API, one a role: made once, kept in the state folder, readable by their owner only."""

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from web.roles import Role

log = logging.getLogger(__name__)

NAMES: Final[dict[Role, str]] = {
    Role.ARM: "token",
    Role.OPERATE: "token-operate",
    Role.VIEW: "token-view",
}
"""The files, in the order in which a token is looked for."""
BYTES: Final = 32
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class TokenUnusable(Exception):  # noqa: N818 - what is the case, for the owner
    """A token file cannot be used; the text is one sentence with what to do."""


@dataclass(frozen=True)
class Tokens:
    """One token a role."""

    arm: str = field(repr=False)
    operate: str = field(repr=False)
    view: str = field(repr=False)

    def role_of(self, given: bytes) -> Role:
        """Whose token it is; OPEN: nobody's. How long it takes tells nothing of the tokens."""
        found = Role.OPEN
        for role, token in self._encoded:
            if hmac.compare_digest(given, token):
                found = max(found, role)
        return found

    def proofs(self, challenge: str, port: int) -> tuple[str, ...]:
        """That whoever serves at this port knows each of them."""
        return tuple(proof_of(token, challenge, port) for token in (self.arm, self.operate, self.view))

    @cached_property
    def session_key(self) -> bytes:
        """What sessions are signed with: with any token changed, none of them is good any more."""
        told = f"{self.arm}\n{self.operate}\n{self.view}".encode()
        return hmac.digest(told, b"starfill session 1", hashlib.sha256)

    @cached_property
    def _encoded(self) -> tuple[tuple[Role, bytes], ...]:
        return (
            (Role.ARM, self.arm.encode()),
            (Role.OPERATE, self.operate.encode()),
            (Role.VIEW, self.view.encode()),
        )


def proof_of(token: str, challenge: str, port: int) -> str:
    """That somebody knows the token, shown without it. With the port, so that nobody passes on another's."""
    said = f"starfill proof 1\n{port}\n{challenge}"
    return hmac.digest(token.encode(), said.encode(), hashlib.sha256).hex()


class TokenFiles:
    """The tokens as their files are now: one that is replaced counts from the next request on.

    Where a file has gone or can no longer be used, the token that was read from it still counts, so that
    nobody is locked out of stopping the bot.
    """

    def __init__(self, state_dir: Path, learned: Callable[[str], None] = lambda _: None) -> None:
        """Read them, and make those that are not there. `learned` is told each. Raises TokenUnusable."""
        self._folder = state_dir
        self._learned = learned
        self._stamps: _Stamps = ()
        self._tokens = Tokens(**{role.word: read_or_create_token(state_dir, role) for role in NAMES})
        self._follow(self._stamped())

    def __call__(self) -> Tokens:
        """Any thread."""
        stamps = self._stamped()
        if stamps != self._stamps:
            self._follow(stamps)
        return self._tokens

    def _follow(self, stamps: "_Stamps") -> None:
        before = self._tokens
        now = {role.word: self._read(role) or getattr(before, role.word) for role in NAMES}
        for token in now.values():
            self._learned(token)
        self._tokens = Tokens(**now)
        self._stamps = stamps

    def _read(self, role: Role) -> str | None:
        try:
            return read_token(self._folder, role)
        except (TokenUnusable, OSError) as error:
            log.warning("%s; the token it held before still counts until the next start", error)
            return None

    def _stamped(self) -> "_Stamps":
        return tuple(_stamp(self._folder / name) for name in NAMES.values())


_Stamps = tuple[tuple[int, int, int], ...]
"""By file: what changes when it is replaced or its mode is."""


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0, 0)
    return (seen.st_ino, seen.st_mtime_ns, seen.st_mode)


def read_or_create_token(state_dir: Path, role: Role = Role.ARM) -> str:
    """The role's token, made with 256 random bits if there is none. Raises TokenUnusable."""
    path = state_dir / NAMES[role]
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _draft(path) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, path)  # another process may be first: its token counts
    return read_token(state_dir, role)


def rotate_token(state_dir: Path, role: Role) -> str:
    """A new token in the place of the role's old one, which opens nothing any more. OSError if it fails."""
    path = state_dir / NAMES[role]
    with _draft(path) as draft:
        draft.replace(path)
    return read_token(state_dir, role)


def read_token(state_dir: Path, role: Role = Role.ARM) -> str:
    """The role's token. Raises TokenUnusable, FileNotFoundError when there is none."""
    path = state_dir / NAMES[role]
    with path.open(encoding="ascii", errors="replace") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & OTHERS:
            raise TokenUnusable(
                f"{path} can be read by others on this machine, who could then send signals; "
                f"delete it (a new one is made at the next start), or keep it with: chmod 600 {path}"
            )
        token = file.read().strip()
    if len(token) < BYTES or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenUnusable(
            f"{path} does not hold a token; delete it, and a new one is made at the next start"
        )
    return token


@contextlib.contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A new token in a file beside its place: it appears there whole or not at all, also after a crash."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
