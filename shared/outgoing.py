"""Calls over HTTP to whoever is outside of this process."""

import ssl
from functools import cache
from typing import Any

import httpx


def http_client(**options: Any) -> httpx.AsyncClient:
    """A client that nothing in the environment redirects; `options` are httpx's. To be closed by whoever made it."""
    return httpx.AsyncClient(trust_env=False, verify=_authorities(), **options)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom HTTPS trusts. Reading the list takes 25 ms of a core, so the clients of a process share it."""
    return httpx.create_ssl_context(trust_env=False)
