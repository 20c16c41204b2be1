"""Guessing gets nowhere: who guesses is throttled, and neither answer nor time tells an unknown thing from a hidden one."""

import time
from collections.abc import Callable

import httpx
import pytest

from shared.ids import new_id
from tests.integration.hostile.conftest import LIMITS, Served
from tests.integration.hostile.county import key
from tests.support.raising import issue_body
from tests.support.size import full

pytestmark = pytest.mark.timeout(full(7200, 300))

GUESSES = full(10_000, 300)
SAMPLES = full(2_000, 100)
ROUNDS = 3
ALIKE = 0.15
"""How far the chance that one answer took longer than the other may be from a half. With 100 samples of each, noise alone stays within
0.04 two times out of three, so that this is nearly four times as much; a difference that a guesser could use shows in every round."""


def raised(http: httpx.Client) -> dict[str, str]:
    answer = http.post("/api/intake/v1/issues", json=issue_body(), headers=key())
    assert answer.status_code == 201
    return answer.json()


def test_tracking_codes_cannot_be_guessed(throttled: Served) -> None:
    with httpx.Client(base_url=throttled.urls["tracking"], trust_env=False, timeout=30) as http:
        began = time.monotonic()
        answers = [http.get(f"/api/tracking/v1/public/{number:032x}") for number in range(GUESSES)]
        minutes = (time.monotonic() - began) / 60
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {404, 429}
    assert statuses.count(404) <= LIMITS["token_guesses_burst"] + LIMITS["token_guesses_per_minute"] * minutes + 1
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
    assert len({answer.content.replace(_instance(answer), b"") for answer in answers if answer.status_code == 404}) == 1


def test_endings_of_a_phone_number_cannot_be_guessed(throttled: Served) -> None:
    with httpx.Client(base_url=throttled.urls["intake"], trust_env=False, timeout=30) as http:
        number = raised(http)["number"]
        began = time.monotonic()
        statuses = [look_up(http, number, f"{ending:04}").status_code for ending in range(1235, 1235 + GUESSES // 4)]
        minutes = (time.monotonic() - began) / 60
        assert set(statuses) == {404, 429}
        assert statuses.count(404) <= LIMITS["lookup_burst"] + LIMITS["lookup_rate_per_minute"] * minutes + 1
        assert look_up(http, number, "1234").status_code == 429, "who guesses long enough would be let in"


def look_up(http: httpx.Client, number: str, ending: str) -> httpx.Response:
    return http.post("/api/intake/v1/lookup", json={"number": number, "phone_last4": ending})


def test_an_unknown_number_and_a_wrong_ending_look_alike(served: Served) -> None:
    with httpx.Client(base_url=served.urls["intake"], trust_env=False, timeout=30) as http:
        known = raised(http)["number"]
        unknown = f"{known[:-4]}9999"
        assert look_up(http, known, "1234").status_code == 200
        check_alike(lambda: look_up(http, known, "9999"), lambda: look_up(http, unknown, "9999"))


def test_an_unknown_issue_and_a_hidden_one_look_alike(served: Served) -> None:
    with httpx.Client(base_url=served.urls["intake"], trust_env=False, timeout=30) as http:
        hidden, elsewhere = raised(http)["issue_id"], served.county.token("supervisor", "330523000000")

        def ask(issue_id: str) -> httpx.Response:
            return http.get(f"/api/intake/v1/issues/{issue_id}/statement", headers={"Authorization": f"Bearer {elsewhere}"})

        check_alike(lambda: ask(hidden), lambda: ask(new_id()))


@pytest.mark.parametrize("token", ["0" * 32, "x", "路", "%ff", "-" * 2_000])
def test_tokens_of_every_shape_get_one_answer(token: str, served: Served) -> None:
    with httpx.Client(base_url=served.urls["tracking"], trust_env=False, timeout=30) as http:
        usual, strange = http.get(f"/api/tracking/v1/public/{'f' * 32}"), http.get(f"/api/tracking/v1/public/{token}")
    assert told(usual) == told(strange)


def check_alike(one: Callable[[], httpx.Response], other: Callable[[], httpx.Response]) -> None:
    """Fail unless both are refused alike: status, fields, document, and how long it takes."""
    assert told(one()) == told(other())
    assert one().status_code == 404
    chances = list[float]()
    for _ in range(ROUNDS):
        chances.append(_chance_of_longer(one, other))
        if abs(chances[-1] - 0.5) < ALIKE:
            return
    raise AssertionError(f"the time tells which is which: {chances}")


def _chance_of_longer(one: Callable[[], httpx.Response], other: Callable[[], httpx.Response]) -> float:
    """How often an answer of `one` took longer than one of `other`, over all pairs; the samples take turns, so load is shared."""
    first, second = list[float](), list[float]()
    for number in range(SAMPLES):
        for ask, times in ((one, first), (other, second)) if number % 2 else ((other, second), (one, first)):
            began = time.perf_counter()
            ask()
            times.append(time.perf_counter() - began)
    return sum(a > b for a in first for b in second) / (len(first) * len(second))


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All that an answer says, but for the name of its trace and the date."""
    fields = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    return answer.status_code, fields, answer.content.replace(_instance(answer), b"")


def _instance(answer: httpx.Response) -> bytes:
    return answer.json().get("instance", "-").encode()
