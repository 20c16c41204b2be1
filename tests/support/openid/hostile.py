"""An OpenID provider that answers whatever a test wants it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typing_extensions import override

from shared.security.tokens import SigningKey


@dataclass
class HostileProvider:
    """What it answers; a test changes it.

    Attributes:
        document: the discovery document.
        key: the one that it publishes.
        status: of the token endpoint's answer.
        told: the token endpoint's answer.
        asked: what the token endpoint was sent, the latest last.
    """

    issuer: str
    key: SigningKey = field(default_factory=lambda: SigningKey("its-key", Ed25519PrivateKey.generate()))
    document: dict[str, Any] = field(default_factory=dict[str, Any])
    status: int = 200
    told: Any = None
    asked: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        named = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        self.document = {"issuer": self.issuer} | {name: f"{self.issuer}/{path}" for name, path in named.items()}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of an ID token that is good with a nonce; None leaves one out, a span is an instant that far from now."""
        good = {"iss": self.issuer, "aud": "huiyin-web", "sub": "1", "iat": timedelta(), "exp": timedelta(minutes=5)}
        now = datetime.now(UTC)
        made = {name: now + value if isinstance(value, timedelta) else value for name, value in (good | changes).items()}
        return {name: value for name, value in made.items() if value is not None}

    def signed(self, claims: dict[str, Any], *, kid: str = "its-key") -> str:
        """A token of the published key."""
        return jwt.encode(claims, self.key.private, algorithm="EdDSA", headers={"kid": kid})

    @property
    def public_key(self) -> bytes:
        """Its public key, as a file would hold it."""
        return self.key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    """Runs until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = {"keys": [provider.key.public_jwk()]} if self.path == "/jwks" else provider.document
            self._answer(200, document)

        def do_POST(self) -> None:
            provider.asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self._answer(provider.status, provider.told)

        def _answer(self, status: int, told: Any) -> None:
            content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = HostileProvider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
