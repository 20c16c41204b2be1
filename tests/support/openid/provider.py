"""npm's oidc-provider, installed on first use as its lock file says, and a person who signs in there by its forms."""

import fcntl
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest

from deploy.local.layout import HOST
from deploy.local.processes import ROOT, tied
from tests.support.servers import free_base

HERE = Path(__file__).parent
SECRET = "a secret: + % & of the client"
"""Of the client `huiyin-web` in `server.mjs`; RFC 6749 wants it encoded."""


@dataclass(frozen=True, slots=True)
class RealProvider:
    """A running provider that sends people back to `callback`."""

    issuer: str
    callback: str

    async def left(self, address: str) -> str:
        """Agree to be signed out where a browser was sent. Returns where it sends the browser back to."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(address)
            filled = {"xsrf": _found(r'name="xsrf" value="(\w+)"', answer.text), "logout": "yes"}
            return (await browser.post(answer.url.join(_found(r'action="([^"]+)"', answer.text)), data=filled)).headers["location"]

    async def visited(self, address: str, name: str) -> str:
        """Sign in under `name` where a browser was sent, and agree; or cancel, as nobody. Returns where it sends the browser back to."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(address)
            while True:
                while answer.next_request is not None:
                    there = str(answer.next_request.url)
                    if there.startswith(self.callback):
                        return there
                    answer = await browser.get(there)
                page, here = answer.text, answer.url
                if name:
                    filled = {"prompt": _found(r'name="prompt" value="(\w+)"', page), "login": name, "password": "any"}
                    answer = await browser.post(here.join(_found(r'action="([^"]+)"', page)), data=filled)
                else:
                    answer = await browser.get(here.join(_found(r'href="([^"]+/abort)"', page)))


def _found(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    assert found, page
    return found[1]


@contextmanager
def real_provider(callback: str) -> Iterator[RealProvider]:
    """Runs until the end. Skips the test where there is no node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no node: the OpenID provider of these tests is a package of npm (apt-get install nodejs npm)")
    folder, port = _installed(npm), free_base(1)
    with (folder / f"{port}.log").open("wb") as said:
        command = tied((node, "server.mjs", str(port), callback), SIGTERM)
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    try:
        _wait_ready(process, f"http://{HOST}:{port}", said.name)
        yield RealProvider(f"http://{HOST}:{port}", callback)
    finally:
        process.terminate()
        process.wait(10)


def _installed(npm: str) -> Path:
    """A folder with the provider: one for each lock file, made by whichever test run comes first."""
    folder = ROOT / "build" / f"openid-{sha256((HERE / 'package-lock.json').read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", ".npmrc", "server.mjs"):
            shutil.copy(HERE / name, folder)
        if not (folder / "node_modules" / ".package-lock.json").exists():
            done = subprocess.run(
                (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"), cwd=folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    return folder


def _wait_ready(process: "subprocess.Popen[bytes]", issuer: str, said: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, Path(said).read_text()
        assert time.monotonic() < until, Path(said).read_text()
        time.sleep(0.05)
