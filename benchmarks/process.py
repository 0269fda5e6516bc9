"""What Linux says of a process."""

from pathlib import Path


def _status(pid: int | str, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(name)


def rss_mb(pid: int | str = "self") -> float:
    """Resident memory."""
    return _status(pid, "VmRSS") / 1024


def descriptors(pid: int | str = "self") -> int:
    """Open files and sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int | str = "self") -> int:
    return _status(pid, "Threads")
