"""The keys that are good now: the file's, read again when it has changed."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from web.sources.key_file import (
    NAME,
    HookKey,
    HookSource,
    KeyFile,
    KeysUnusable,
    SignedSource,
    SigningKey,
    read_keys,
    sha256_of,
)

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int] | None
_NEVER: Final[Stamp] = (-1, -1, -1, -1)


class KnownSigner(NamedTuple):
    """Whose key it is, and the key."""

    source: str
    key: SigningKey


class KnownHook(NamedTuple):
    """Whose address it is, and what else it wants."""

    source: str
    key: HookKey


class KeyRing:
    """Finds keys. Used on one thread; what is asked costs one look at the file's inode."""

    def __init__(self, folder: Path, hide: Callable[[str], None]) -> None:
        """`hide` keeps a secret out of the log. Raises KeysUnusable for a file that cannot be used."""
        self._folder = folder
        self._hide = hide
        self._signers: dict[str, KnownSigner] = {}
        self._hooks: dict[str, KnownHook] = {}
        self._stamp = _stamp(folder / NAME)
        self._take(read_keys(folder))

    def signer(self, key_id: str) -> KnownSigner | None:
        """The signing key of this id."""
        self._refresh()
        return self._signers.get(key_id)

    def hook(self, path_token: str) -> KnownHook | None:
        """The address that ends with this token; it is looked for by its digest, which no timing tells of."""
        self._refresh()
        return self._hooks.get(sha256_of(path_token))

    def _refresh(self) -> None:
        stamp = _stamp(self._folder / NAME)
        if stamp == self._stamp:
            return
        # Noted before the file is read: what is written meanwhile is read the next time.
        self._stamp = stamp
        try:
            self._take(read_keys(self._folder))
        except KeysUnusable as error:
            log.error("signals of sources are refused until this is mended: %s", error)  # noqa: TRY400
            self._take(KeyFile())

    def _take(self, file: KeyFile) -> None:
        self._signers, self._hooks = {}, {}
        for source in file.sources:
            match source:
                case SignedSource():
                    for key in source.keys:
                        self._hide(key.secret)
                        self._signers[key.id] = KnownSigner(source.name, key)
                case HookSource():
                    for hook in source.keys:
                        self._hooks[hook.path_sha256] = KnownHook(source.name, hook)


def _stamp(path: Path) -> Stamp:
    """Another one for each content that the file has had, and for each change of who may read it."""
    try:
        is_ = os.stat(path)  # noqa: PTH116 - on the way of every signal
    except OSError:
        return None
    return is_.st_ino, is_.st_mtime_ns, is_.st_ctime_ns, is_.st_size
