"""What must hold before a stack starts; each refusal is one clear sentence."""

import errno
import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from deploy.local.layout import HOST, Layout, StackError
from deploy.local.state import is_running, load

RESTORING = "restore.json"
"""In the data folder as long as a restore into it is not done."""

ROOM = 256 * 1024 * 1024
"""Bytes that must be free: Postgres and JetStream set their first files aside at full length."""


def check_folder(layout: Layout) -> None:
    """Make the data folder. Raises `StackError` if it cannot be written, the disk is full, or a restore into it is not done."""
    if (layout.data / RESTORING).exists():
        raise StackError(f"A restore into {layout.data} is not done: run the same `huiyin restore …` again, it goes on.")
    try:
        layout.make_folders()
        (layout.data / "lock").touch(mode=0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StackError(f"The disk of {layout.data} is full.") from None
        raise StackError(f"{layout.data} cannot be written: {error.strerror}.") from None
    free = shutil.disk_usage(layout.data).free
    if free < ROOM:
        raise StackError(f"The disk of {layout.data} has {free >> 20} MB left; a stack needs {ROOM >> 20} MB.")


def check_ports(layout: Layout) -> None:
    """Raises `StackError` that names the first port that somebody else listens on."""
    if not 1024 <= layout.base <= 65535 - len(layout.ports):
        raise StackError(f"--port-base must be between 1024 and {65535 - len(layout.ports)}.")
    for name in layout.ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just closed does not count
            try:
                probe.bind((HOST, layout.port(name)))
                probe.listen(1)
            except OSError:
                raise StackError(f"Port {layout.port(name)} ({name}) is taken: choose other ports with --port-base N.") from None


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Hold the data folder: two supervisors on one would ruin it. Raises `StackError` if another holds it."""
    with (layout.data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"Another `huiyin up` is at work in {layout.data}.") from None
        yield


def clear_stale(layout: Layout) -> None:
    """End what a supervisor that was killed together with its reaper left running, each known by its start time.

    Only for who holds the folder (`alone`): then no supervisor lives.
    """
    try:
        state = load(layout.data)
    except StackError:
        return
    left = [process for process in state.processes if is_running(process["pid"], process["started"])]
    for process in left:
        with suppress(ProcessLookupError):
            os.killpg(process["pid"], signal.SIGINT if process["name"] == "postgres" else signal.SIGKILL)
    _, stubborn = psutil.wait_procs([psutil.Process(process["pid"]) for process in left if psutil.pid_exists(process["pid"])], timeout=10)
    for process in stubborn:
        process.kill()
