"""A bot under a supervisord of its own, by the shipped configuration, in a folder laid out as a checkout.

Its program is a launcher that hands the crash point to the first process only. So what starts the bot
again is supervisord, and nothing of the test's.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import settings
from cli.play_money import UNLIMITED, new_ledger
from settings import SIMULATOR_KEY
from web.token import read_or_create_token

ROOT: Final = Path(settings.__file__).parent
STOP_S: Final = 45.0
"""More than supervisord gives the bot to stop."""

_COMMAND: Final = re.compile(r"^command=.*$", re.MULTILINE)
_CONTROL: Final = re.compile(r"^\[unix_http_server\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)
"""The socket for supervisorctl, of which nobody makes use here; a socket's path may not be long."""
_SPAWNED: Final = re.compile(r" spawned: 'starfill' with pid (\d+)$", re.MULTILINE)
_ENDED: Final = re.compile(r" exited: starfill \(([^;)]*)", re.MULTILINE)
_SERVES: Final = re.compile(r"^dashboard +(http://\S+)$", re.MULTILINE)
_LAUNCHED: Final = "launched by supervisord"
_LAUNCHER: Final = """\
#!/bin/sh
cd {home} || exit 64
echo {launched}
if [ -e crash_at ]; then
    STARFILL_CRASH_AT=$(cat crash_at)
    export STARFILL_CRASH_AT
    rm crash_at
elif [ -e forget ]; then
    rm -f forget {ledger} {ledger}-wal {ledger}-shm
    cp -p {blank} {ledger}
fi
exec {python} {run}
"""

KILLED: Final = "terminated by SIGKILL"
"""How supervisord words it."""


class Home:
    """start and stop are for one thread; what it tells is read from files, whenever it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "var"
        self.ledger = self.state / "ledger-simulator.sqlite3"
        self._blank = folder / "blank.sqlite3"
        """A ledger that knows nothing, and has no limits that could keep a signal from trading."""
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, *, broker_url: str, crash_at: str, forget: bool, prepared: bool) -> None:
        """Start supervisord, which starts the bot; `forget`: its second start finds an empty ledger.

        `prepared`: its first start does so too, and does not have to make one.
        """
        self.state.mkdir(parents=True)
        new_ledger(self._blank, UNLIMITED)
        if prepared:
            shutil.copy2(self._blank, self.ledger)
        self.token = read_or_create_token(self.state)
        (self.folder / "crash_at").write_text(crash_at)
        if forget:
            (self.folder / "forget").touch()
        self._write_launcher()
        configuration = self._write_configuration()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STARFILL_", "APCA_"))}
        self._daemon = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(configuration)],
            env=inherited | self._environment(broker_url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the test, which then stops it in order
        )

    def _environment(self, broker_url: str) -> dict[str, str]:
        """Every setting that could lead elsewhere: an `.env` beside run.py holds the owner's own."""
        return {
            "STARFILL_MODE": "simulator",
            "STARFILL_BROKER_URL": broker_url,
            "STARFILL_DATA_URL": broker_url,
            "STARFILL_DATABASE": f"sqlite:///{self.ledger}",
            "STARFILL_STATE_DIR": str(self.state),
            "STARFILL_HTTP": "127.0.0.1:0",
            "STARFILL_CRASH_AT": "",
            "STARFILL_ALARM_URLS": "",  # in place of those in .env: nobody is to be woken by a test
            "STARFILL_DEADMAN_URL": "",
            "APCA_API_KEY_ID": SIMULATOR_KEY,
            "APCA_API_SECRET_KEY": SIMULATOR_KEY,
        }

    def _write_launcher(self) -> None:
        text = _LAUNCHER.format(
            home=shlex.quote(str(self.folder)),
            launched=shlex.quote(_LAUNCHED),
            ledger=shlex.quote(str(self.ledger)),
            blank=shlex.quote(str(self._blank)),
            python=shlex.quote(sys.executable),
            run=shlex.quote(str(ROOT / "run.py")),
        )
        launcher = self.folder / "launch"
        launcher.write_text(text)
        launcher.chmod(0o700)

    def _write_configuration(self) -> Path:
        shipped = (ROOT / "deploy/supervisord.conf").read_text()
        configuration = self.folder / "deploy/supervisord.conf"
        configuration.parent.mkdir()
        shipped = _CONTROL.sub("", shipped)
        configuration.write_text(_COMMAND.sub('command=/bin/sh "%(here)s/../launch"', shipped))
        return configuration

    @property
    def pids(self) -> list[int]:
        """Of each process that supervisord has started, oldest first."""
        return [int(pid) for pid in _SPAWNED.findall(self._read("supervisord.log"))]

    @property
    def ends(self) -> list[str]:
        """How each process ended that was not told to, oldest first."""
        return _ENDED.findall(self._read("supervisord.log"))

    @property
    def url(self) -> str | None:
        """Where the newest process serves; None: it does not yet."""
        said = self._read("starfill.log").rpartition(_LAUNCHED)[2]
        found = _SERVES.search(said)
        return found.group(1) if found else None

    def _read(self, name: str) -> str:
        try:
            return (self.state / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """Stop both in order, or else at once. Idempotent."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(self.pids[-1], signal.SIGKILL)
            daemon.kill()
            daemon.wait()
