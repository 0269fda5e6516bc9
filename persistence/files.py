"""Plain files that have to be there, whole, after the power went."""

import os
from pathlib import Path


def replace_durably(path: Path, text: str) -> None:
    """Put the text in place of the file, which a crash leaves as it was or as it becomes.

    The file is for its owner alone. OSError if it fails.
    """
    put(staged(path, text), path)


def staged(path: Path, text: str) -> Path:
    """The text in a durable file beside this one, to be `put` in its place. OSError if it fails."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return new


def put(new: Path, path: Path) -> None:
    """Put a staged file in the place of this one, atomically and durably. OSError if it fails."""
    new.replace(path)
    sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove the file if it is there. OSError if that fails."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def append_durably(path: Path, line: str) -> None:
    """Put a line at the file's end; a file that is made is for its owner alone. OSError if it fails."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
