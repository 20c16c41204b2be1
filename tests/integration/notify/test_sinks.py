"""The sinks as a process: signatures, special numbers, and receipts that survive `kill -9`."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
from fastapi import FastAPI, Request, Response

from services.notify.channels.signing import Signer
from tests.integration.notify.conftest import SECRET, eventually, listener, served


def free_port() -> int:
    with listener() as listening:
        return int(listening.getsockname()[1])


@asynccontextmanager
async def process(folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    variables = {
        "HUIYIN_SMS_SINK_PORT": str(port),
        "HUIYIN_SMTP_SINK_PORT": str(free_port()),
        "HUIYIN_SINKS_DIR": str(folder),
        "HUIYIN_SMS_SECRET": SECRET,
    }
    started = await asyncio.create_subprocess_exec(sys.executable, "-m", "deploy.local.sinks", env=os.environ | variables)
    try:

        async def well() -> bool:
            try:
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"http://127.0.0.1:{port}/health")).is_success
            except httpx.ConnectError:
                return False

        await eventually(well, seconds=60)
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


async def post(port: int, message_id: str, to: str, callback: str, *, secret: str = SECRET) -> int:
    body = orjson.dumps({"message_id": message_id, "to": to, "text": "您好", "callback": callback})
    async with httpx.AsyncClient() as client:
        headers = Signer(secret).headers(message_id, body)
        return (await client.post(f"http://127.0.0.1:{port}/messages", content=body, headers=headers)).status_code


async def test_receipts_survive_a_kill_and_wait_for_who_is_down(tmp_path: Path) -> None:
    port, down = free_port(), free_port()
    callback = f"http://127.0.0.1:{down}/receipts"
    async with process(tmp_path, port) as sink:
        assert await post(port, "forged", "13800002207", callback, secret="another") == 401
        assert [await post(port, name, to, callback) for name, to in (("a", "13800002207"), ("b", "13800000004"))] == [202, 202]
        assert await post(port, "a", "13800002207", callback) == 202
        assert await post(port, "c", "13800000001", callback) == 400
        assert await post(port, "d", "13800000003", callback) == 202
        sink.send_signal(signal.SIGKILL)
        await sink.wait()
    received: list[dict[str, str]] = []
    app = FastAPI()

    async def receive(request: Request) -> Response:
        body = await request.body()
        Signer(SECRET).verify(request.headers, body)
        received.append(orjson.loads(body))
        return Response(status_code=202)

    app.add_api_route("/receipts", receive, methods=["POST"])
    async with served(app, socket.create_server(("127.0.0.1", down))), process(tmp_path, port):
        await eventually(lambda: len(received) >= 2)
        await eventually(lambda: not list((tmp_path / "receipts").iterdir()))
        async with httpx.AsyncClient() as client:
            listed = (await client.get(f"http://127.0.0.1:{port}/messages")).json()
    assert sorted((receipt["message_id"], receipt["status"]) for receipt in received) == [("a", "delivered"), ("b", "failed")]
    assert [(message["message_id"], message["status"], message["duplicate"]) for message in listed] == [
        ("a", 202, False),
        ("b", 202, False),
        ("a", 202, True),
        ("c", 400, False),
        ("d", 202, False),
    ]
