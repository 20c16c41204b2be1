"""`huiyin up`, `status` and `down` as a person at the terminal meets them, on the whole stack."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.local.layout import HOST, PORTS
from deploy.local.state import load
from tests.support.memory import in_memory
from tests.support.servers import free_base

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

PARTS = {"postgres", "nats", "temporal", "relay", "intake", "routing", "tracking", "notify", "routing-worker", "sinks", "gateway"}


def huiyin(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "deploy.cli", *words], capture_output=True, text=True, check=False, timeout=300)


def eventually(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Stack:
    """A stack in a folder."""

    def __init__(self, data: Path, base: int) -> None:
        self.data = data
        self.base = base

    def up(self) -> None:
        started = huiyin("up", "--data", str(self.data), "--port-base", str(self.base), "--detach")
        assert started.returncode == 0, started.stdout + started.stderr

    def down(self) -> "subprocess.CompletedProcess[str]":
        return huiyin("down", "--data", str(self.data))

    @property
    def status(self) -> dict[str, Any]:
        """What `huiyin status --json` prints, without the second of a core that the command takes to load."""
        return load(self.data).describe()

    def process(self, name: str) -> dict[str, Any]:
        return next(process for process in self.status["processes"] if process["name"] == name)

    def everything(self) -> list[psutil.Process]:
        """Every process of the stack, children too."""
        supervisor = psutil.Process(self.status["supervisor"]["pid"])
        return [supervisor, *supervisor.children(recursive=True)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with in_memory(tmp_path_factory.mktemp("stack")) as data:
        stack = Stack(data, free_base())
        stack.up()
        yield stack
        stack.down()


def test_status_says_where_everything_is(stack: Stack) -> None:
    assert huiyin("status", "--data", str(stack.data)).returncode == 0
    status = json.loads(huiyin("status", "--data", str(stack.data), "--json").stdout)
    assert status["healthy"] is True
    assert status["gateway"] == f"http://127.0.0.1:{stack.base}"
    assert {*status} >= {"gateway", "nats", "nats_observer", "temporal", "temporal_ui", "postgres", "processes"}
    assert {process["name"] for process in status["processes"]} == PARTS
    for process in status["processes"]:
        assert process["healthy"] is True
        assert psutil.pid_exists(process["pid"])
    for service in ("intake", "routing", "tracking", "notify"):
        assert httpx.get(f"{status['gateway']}/api/{service}/health/ready").status_code == 200


def test_everything_listens_on_the_loopback_address_and_its_own_port(stack: Stack) -> None:
    ours = {process.pid for process in stack.everything()}
    listening: list[Any] = [each.laddr for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN and each.pid in ours]
    assert {address.ip for address in listening} <= {HOST, "::1"}
    assert {address.port for address in listening} >= {stack.base + offset for offset in range(len(PORTS))}


def test_secrets_are_their_owners_alone(stack: Stack) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    secrets = list((stack.data / "secrets").iterdir())
    assert {"postgres-intake", "nats-relay", "gateway-token", "internal-token", "sms-secret"} <= {path.name for path in secrets}
    assert {mode(path) for path in secrets if path.is_file()} == {0o600}
    assert {mode(path) for path in (stack.data, stack.data / "secrets", stack.data / "logs")} == {0o700}
    assert mode(stack.data / "stack.json") == 0o600
    words = [path.read_bytes() for path in secrets if path.is_file() and len(path.read_bytes()) == 65]
    for log in (stack.data / "logs").iterdir():
        assert not any(word in log.read_bytes() for word in words)


@pytest.mark.parametrize("name", ["notify", "nats", "postgres"])
def test_a_killed_part_is_started_again_and_shown(stack: Stack, name: str) -> None:
    before = stack.process(name)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: stack.process(name)["restarts"] == before["restarts"] + 1 and stack.status["healthy"])
    after = stack.process(name)
    assert after["last_exit"] == -signal.SIGKILL
    assert after["pid"] != before["pid"]


def test_a_second_up_says_that_it_runs_already(stack: Stack) -> None:
    again = huiyin("up", "--data", str(stack.data))
    assert again.returncode == 1
    assert f"runs already, at http://127.0.0.1:{stack.base}" in again.stderr
    assert huiyin("up", "--data", str(stack.data), "--detach").returncode == 0
    demo = huiyin("up", "--data", str(stack.data), "--detach", "--demo")
    assert demo.returncode == 1
    assert "without demo accounts" in demo.stderr


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Stack]:
    with in_memory(tmp_path) as data:
        stack = Stack(data, free_base())
        stack.up()
        yield stack
        stack.down()


def test_a_second_stack_runs_beside_and_leaves_nothing_when_its_supervisor_is_killed(stack: Stack, second: Stack) -> None:
    assert second.status["healthy"]
    assert stack.status["healthy"]
    processes = second.everything()
    assert len(processes) > len(PARTS)

    os.kill(second.status["supervisor"]["pid"], signal.SIGKILL)

    _, left = psutil.wait_procs(processes, timeout=20)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
    assert huiyin("status", "--data", str(second.data)).returncode == 3
    assert second.status["healthy"] is False
    assert stack.status["healthy"]


def test_down_stops_everything(stack: Stack) -> None:
    """That `up` finds the data again is seen in the stories."""
    processes = stack.everything()

    assert stack.down().returncode == 0

    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert huiyin("status", "--data", str(stack.data)).returncode == 3
    assert "does not run" in stack.down().stdout


def test_ctrl_c_stops_a_stack_that_is_still_starting(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli", "up", "--data", str(tmp_path / "data"), "--port-base", str(free_base())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        eventually(lambda: (tmp_path / "data" / "stack.json").exists())
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "stopped" in process.stdout.read()
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
