"""An administrator at the public API, for `huiyin sla` and `huiyin calendar`: signs in, sends, and tells a refusal in plain sentences."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.demo.staff import PASSWORD
from deploy.local.layout import StackError
from deploy.local.state import StackState
from shared.ids import new_id

As = Annotated[str, typer.Option("--as", help="Administrator's account.")]
PASSWORD_VARIABLE = "HUIYIN_PASSWORD"

LOOK_EVERY = 0.5
"""Seconds between two looks at a roll-out."""

_err = Console(stderr=True)


class Administrator:
    """A signed-in administrator."""

    def __init__(self, client: httpx.Client, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en" if _english() else "zh-CN"}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read."""
        return self._told(self._client.get(path, params=query, headers=self._headers)).json()

    def text(self, path: str, **query: Any) -> bytes:
        """Read a file."""
        return self._told(self._client.get(path, params=query, headers=self._headers)).content

    def post(self, path: str, body: Any, *, version: int | None = None) -> dict[str, Any]:
        """Command; with `version`: only if the thing has that version."""
        return self._told(self._client.post(path, json=body, headers=self._headers | _expecting(version))).json()

    def put(self, path: str, body: Any, *, version: int) -> dict[str, Any]:
        """Replace what has that version."""
        return self._told(self._client.put(path, json=body, headers=self._headers | _expecting(version))).json()

    def upload(self, path: str, content: bytes, media_type: str, *, version: int, **query: Any) -> dict[str, Any]:
        """Send a file."""
        headers = self._headers | _expecting(version) | {"Content-Type": media_type}
        return self._told(self._client.post(path, content=content, params=query, headers=headers)).json()

    def follow(self, rollout_id: str) -> dict[str, Any]:
        """Show how far a roll-out is until it ends or is paused. Ctrl-C stops looking, not the roll-out."""
        counted = TextColumn("{task.fields[counts]}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), counted, TimeRemainingColumn())
        with Progress(*columns, console=_err) as progress:
            bar = progress.add_task("roll-out", total=None, counts="")
            while True:
                found = self.get(f"/api/routing/v1/sla/rollouts/{rollout_id}")
                counts = f"{found['moved']} moved, {found['failed']} failed"
                progress.update(bar, total=found["total"], completed=found["done"], counts=counts, description=found["state"])
                if found["state"] in ("done", "cancelled", "paused"):
                    return found
                time.sleep(LOOK_EVERY)

    @staticmethod
    def _told(answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            raise StackError(f"The gateway answered {answer.status_code}: {answer.text[:200]}") from None
        lines = [f"{problem.get('title', answer.status_code)}: {problem.get('detail', '')}"]
        lines += [f"  {error.get('pointer', '')}  {error.get('detail', '')}" for error in problem.get("errors", [])]
        raise StackError("\n".join(lines))


@contextmanager
def administrator(state: StackState, account: str) -> Iterator[Administrator]:
    """Sign in at the gateway of a stack. HUIYIN_PASSWORD has the password; on a demo stack it is the demo's, else it is asked for."""
    password = os.environ.get(PASSWORD_VARIABLE) or (PASSWORD if state.layout.demo else getpass.getpass(f"Password of {account}: "))
    with httpx.Client(base_url=state.gateway, timeout=60, trust_env=False) as client:
        try:
            answer = client.post("/api/routing/v1/sessions", json={"username": account, "password": password})
        except httpx.TransportError:
            raise StackError(f"Nothing answers at {state.gateway}: is the stack up?") from None
        if not answer.is_success:
            raise StackError(f"{account} cannot sign in.")
        yield Administrator(client, answer.json()["access_token"])


def _expecting(version: int | None) -> dict[str, str]:
    key = {"Idempotency-Key": new_id()}
    return key if version is None else key | {"If-Match": f'"{version}"'}


def _english() -> bool:
    return not os.environ.get("LANG", "").startswith("zh")
