"""The gateway passes on only what services may see, and believes nobody about where he comes from."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from deploy.local import gateway
from deploy.local.layout import HOST, Layout
from tests.support.servers import Servers, free_base


class Echo(BaseHTTPRequestHandler):
    """A service that answers with the path and headers that reached it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Path", self.path)
        self.send_header("Server", "Secret/1.0")
        self.send_header("ETag", '"7"')
        self.send_header("Content-Type", "application/json" if self.path.startswith("/api/") else "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(str(self.headers).lower().encode().ljust(4096))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Layout, httpx.Client]]:
    layout = Layout(tmp_path_factory.mktemp("gateway"), free_base())
    layout.make_folders()
    servers = Servers(layout)
    intake = ThreadingHTTPServer((HOST, layout.port("intake")), Echo)
    thread = threading.Thread(target=intake.serve_forever)
    thread.start()
    servers.start(gateway.part(layout))
    with httpx.Client(base_url=layout.url("gateway"), timeout=30) as client:
        yield layout, client
    servers.close()
    intake.shutdown()
    thread.join()
    intake.server_close()


def test_headers_that_vouch_for_the_caller_are_the_gateways_own(served: tuple[Layout, httpx.Client]) -> None:
    layout, client = served
    lies = {"X-Forwarded-For": "10.1.2.3", "X-Huiyin-Gateway": "guess", "X-Real-IP": "10.1.2.3", "Forwarded": "for=10.1.2.3"}
    seen = client.get("/api/intake/v1/issues", headers={**lies, "X-Forwarded-Host": "10.1.2.3"}).text
    assert "10.1.2.3" not in seen
    assert "guess" not in seen
    assert f"x-huiyin-gateway: {layout.secrets.get('gateway-token')}" in seen
    assert "x-forwarded-for: 127.0.0.1" in seen


@pytest.mark.parametrize(
    "path",
    [
        "/internal/v1/contacts",
        "/metrics",
        "/api/intake/../../internal/v1/contacts",
        "/api/intake/%2e%2e/%2e%2e/metrics",
        "/api/other/v1",
        "/api/intake",
        "/assets/../metrics",
        "/raise/../internal/v1/contacts",
    ],
)
def test_nothing_but_a_services_api_is_reached(served: tuple[Layout, httpx.Client], path: str) -> None:
    _, client = served
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = client.send(request)
    assert answer.status_code == 404
    assert "x-path" not in answer.headers
    if path.startswith("/api/") and ".." not in path and "%2e" not in path:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"


def test_a_body_over_the_limit_is_refused(served: tuple[Layout, httpx.Client]) -> None:
    _, client = served
    assert client.post("/api/intake/v1/attachments", content=b"x" * 11_000_000).status_code == 200
    answer = client.post("/api/intake/v1/attachments", content=b"x" * 12_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_service_that_is_away_is_a_503_with_a_hint_when_to_come_back(served: tuple[Layout, httpx.Client]) -> None:
    _, client = served
    answer = client.get("/api/notify/v1/notices")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/", "/api/intake/v1/issues", "/nothing"])
def test_every_answer_has_the_headers_that_protect_a_browser(served: tuple[Layout, httpx.Client], path: str) -> None:
    _, client = served
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/raise", "/raise/what?village=330182104228", "/slip/x", "/find", "/answer/x/rating"])
def test_a_page_comes_from_the_service_that_knows_it(served: tuple[Layout, httpx.Client], path: str) -> None:
    _, client = served
    answer = client.get(path)
    assert (answer.status_code, answer.headers["x-path"]) == (200, path)


def test_pages_are_compressed_and_an_answer_of_the_api_keeps_its_version(served: tuple[Layout, httpx.Client]) -> None:
    _, client = served
    page, answer = (client.get(path, headers={"Accept-Encoding": "gzip"}) for path in ("/raise", "/api/intake/v1/issues"))
    assert page.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == '"7"'


@pytest.mark.parametrize(("path", "status"), [("/", 503), ("/board", 503), ("/nothing", 404)])
def test_people_are_told_in_both_languages_what_is_wrong(served: tuple[Layout, httpx.Client], path: str, status: int) -> None:
    _, client = served
    page = client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "请稍后再试" in page.text if status == 503 else "没有这一页" in page.text
    assert 'lang="en"' in page.text
