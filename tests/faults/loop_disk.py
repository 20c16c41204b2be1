"""A disk of our own whose power can be cut: ext4 in a file, mounted by a loop device. Needs root on Linux."""

import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import eventually

_EXT4_IOC_SHUTDOWN = 0x8004587D
"""_IOR('X', 125, __u32): fs/ext4/ext4.h."""
_NO_LOG_FLUSH = 2
"""What the journal had not written yet is lost, as with the power."""
_SIZE = 1 << 30
"""Bytes of the file, which is sparse: what a few minutes of writing leave is a tenth."""


class Disk:
    """The file system at `mount`, until `remove`.

    What programs wrote without a flush, and what the journal held, is gone after `cut` and `replug`: only what they were told is on the
    disk is on it. What reached the loop device stays: a disk that lies about its own cache is not played.

    Args:
        folder: an empty folder for the image and the mount.
    """

    def __init__(self, folder: Path) -> None:
        self.mount = folder / "mount"
        self._image = folder / "disk.img"

    def make(self) -> None:
        """Make the file system and mount it. Raises `CalledProcessError` where the kernel forbids it."""
        self.mount.mkdir()
        with self._image.open("wb") as image:
            image.truncate(_SIZE)
        _ran("mkfs.ext4", "-q", str(self._image))
        self._plug()

    def _plug(self) -> None:
        _ran("mount", "-o", "loop", str(self._image), str(self.mount))

    def flush(self) -> None:
        """Everything written so far is on the disk."""
        _ran("sync", "-f", str(self.mount))

    def cut(self) -> None:
        """The power goes: from this moment every read and write fails, and nothing more reaches the disk."""
        folder = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(folder)

    async def replug(self) -> None:
        """The power is back: mount again, which replays the journal. Whoever had files open must be dead."""
        await eventually(self._unplugged, seconds=60, every=0.1)
        self._plug()

    async def remove(self) -> None:
        """Unmount for good."""
        if self.mount.is_mount():
            await eventually(self._unplugged, seconds=60, every=0.1)

    def _unplugged(self) -> bool:
        # Processes that were killed hold their files for a moment longer.
        return subprocess.run(["umount", str(self.mount)], capture_output=True, check=False).returncode == 0


def why_not(folder: Path) -> str | None:
    """Why no such disk can be had on this machine; None where one can, which is tried in `folder`."""
    if os.geteuid() != 0:
        return "a loop mount needs root"
    if missing := [program for program in ("mkfs.ext4", "mount", "umount", "sync", "unshare") if shutil.which(program) is None]:
        return f"{', '.join(missing)} missing"
    trial = folder / "trial"
    trial.mkdir()
    disk = Disk(trial)
    try:
        disk.make()
        disk.cut()
    except (subprocess.CalledProcessError, OSError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
        return f"this kernel gives no loop mount that can be shut down: {str(said).strip()}"
    finally:
        with suppress(subprocess.CalledProcessError):
            if disk.mount.is_mount():
                _ran("umount", str(disk.mount))
        shutil.rmtree(trial, ignore_errors=True)
    return None


def _ran(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
