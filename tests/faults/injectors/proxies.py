"""The proxies of a stack, in a thread of their own so that they pass on whatever the test waits for.

Product code knows nothing of them: `tests/faults/planted/proxied.py` rewrites the addresses that a part was given before any of its code
runs. Servers, the supervisor's probes and the `huiyin` command go the straight way.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from deploy.local.layout import HOST, Layout
from tests.faults.injectors.proxy import Proxy, Way

PROXIED = ("gateway", "intake", "postgres", "nats", "temporal", "sms_sink", "smtp_sink")
"""What a proxy stands in front of, as `deploy.local.layout.PORTS` names it. The gateway's is for the clients of the test."""

T = TypeVar("T")


class Proxies:
    """One proxy each of `PROXIED`; they listen from now on until `close`, whether the stack runs or not."""

    def __init__(self, layout: Layout) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._proxies = {name: Proxy(layout.port(name)) for name in PROXIED}
        for proxy in self._proxies.values():
            self._wait(proxy.listen())

    @property
    def env(self) -> Mapping[str, str]:
        """HUIYIN_PROXIED for the stack: `server port=proxy's port`, separated by commas."""
        ports = (f"{proxy.server_port}={proxy.port}" for name, proxy in self._proxies.items() if name != "gateway")
        return {"HUIYIN_PROXIED": ",".join(ports)}

    def url(self, name: str) -> str:
        """`http://127.0.0.1:port` of the proxy in front of a part that speaks HTTP."""
        return f"http://{HOST}:{self._proxies[name].port}"

    def become(self, name: str, way: Way) -> None:
        """What the proxy in front of `name` does from now on."""
        self._wait(self._proxies[name].become(way))

    def way(self, name: str) -> Way:
        """What it does now."""
        return self._proxies[name].way

    def lost(self, name: str) -> int:
        """Answers that it has lost so far."""
        return self._proxies[name].lost

    def close(self) -> None:
        """End them all."""
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for proxy in self._proxies.values():
            proxy.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
