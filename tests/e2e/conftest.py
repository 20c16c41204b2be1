"""One stack for the stories, started as an operator starts it, with the demo played on it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.staff import Api
from deploy.local.state import StackState, load
from tests.support.memory import in_memory
from tests.support.otlp import Receiver, receiver
from tests.support.servers import free_base

HUIYIN = (sys.executable, "-m", "deploy.cli")
AWAY = {"HUIYIN_OIDC_ISSUER": "http://127.0.0.1:1", "HUIYIN_OIDC_CLIENT_ID": "huiyin-web"}
"""An OpenID provider that nobody reaches: the page to sign in offers it all the same."""


@dataclass(frozen=True)
class Stack:
    """A running stack and the command that rules it."""

    data: Path
    base: int
    traces: Receiver

    @property
    def state(self) -> StackState:
        return load(self.data)

    def huiyin(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`huiyin WORDS --data …`; its output is part of the failure."""
        command = [*HUIYIN, *words, "--data", str(self.data)]
        env = {**os.environ, **AWAY, "OTEL_EXPORTER_OTLP_ENDPOINT": self.traces.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "500"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env=env)
        assert not check or done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self) -> None:
        self.huiyin("up", "--port-base", str(self.base), "--demo", "--detach")

    def down(self) -> None:
        self.huiyin("down")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with receiver() as traces, in_memory(tmp_path_factory.mktemp("e2e")) as data:
        stack = Stack(data, free_base(), traces)
        stack.up()
        yield stack
        stack.huiyin("down", check=False)


@pytest.fixture(scope="session")
def demo(stack: Stack) -> Mapping[str, Any]:
    """The demo's outcome on that stack, as `--json` prints it."""
    played = stack.huiyin("demo", "--json", check=False)
    assert played.stdout, played.stderr
    return json.loads(played.stdout)


@pytest.fixture
async def api(stack: Stack) -> Any:
    """Staff and citizens at the gateway."""
    async with httpx.AsyncClient(base_url=stack.state.gateway, timeout=30, trust_env=False) as client:
        yield Api(client)
