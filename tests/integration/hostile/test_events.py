"""A storm of messages that are no events, in the middle of real ones: each is dead once, and the real ones have their effects in order."""

import json
import random
from collections.abc import Iterator

import pytest

from shared.contracts.routing import Accepted
from shared.ids import new_id
from shared.messaging.deadletters import DeadLetters
from tests.integration.eventlog.harness import connected, rows, until
from tests.integration.messaging.harness import Effects, drained, story, subscribed
from tests.support.events import bodies, example
from tests.support.servers import NatsAddress, StackDatabase
from tests.support.size import full

STORM = full(5_000, 150)
SUBJECT = "huiyin.issue.33.01.82.104.228.Accepted"
LARGEST = full(900_000, 100_000)
"""Bytes; NATS itself refuses more than a megabyte."""


def hostile(chance: random.Random) -> Iterator[bytes]:
    """Messages without end, none of which is an event; no two are the same."""
    while True:
        event = json.loads(bodies(example(Accepted))[0])
        nonce = f"{chance.getrandbits(64):x}"
        nested = chance.choice((100, 1_000, LARGEST // 10))
        yield from (
            chance.randbytes(chance.randrange(1, 2_000)),
            json.dumps(event).encode()[: chance.randrange(1, 200)] + b"\xff",
            b"[" * nested + nonce.encode(),
            b'{"id":' * nested + b'"' + nonce.encode() + b'"' + b"}" * nested,
            json.dumps({"id": nonce, "data": "x" * chance.randrange(LARGEST)}).encode(),
            json.dumps({f"k{number}-{nonce}": number for number in range(LARGEST // 40)}).encode(),
            json.dumps(event | {"streamversion": int("9" * 60), "subject": nonce}).encode(),
            json.dumps(event | {"streamversion": -1, "subject": nonce}).encode(),
            json.dumps(event | {"time": f"0000-00-00T00:00:00Z{nonce}"}).encode(),
            json.dumps(event | {"type": f"huiyin.issue.{nonce}.v1"}).encode(),
            json.dumps(event | {"type": "huiyin.issue.Accepted.v99", "id": nonce}).encode(),
            json.dumps(event | {"data": [nonce]}).encode(),
            json.dumps(event | {"id": nonce + "\0"}).encode(),
            json.dumps(event | {"specversion": nonce}).encode(),
            (json.dumps(event)[:-1] + f', "x": "{nonce}\\ud800"}}').encode(),
        )


@pytest.mark.timeout(full(3600, 300))
async def test_a_storm_of_what_is_no_event_keeps_nobody_waiting(stack_database: StackDatabase, nats: NatsAddress) -> None:
    effects = Effects(stack_database)
    storm = hostile(random.Random(4))
    issues = [new_id() for _ in range(10)]
    sent = set[bytes]()
    async with connected(nats) as relay, subscribed(stack_database, nats, effects) as database:
        for issue in issues:
            for event in story(issue):
                await relay.request(SUBJECT, event, timeout=30, headers={"Nats-Msg-Id": new_id()})
                for body in (next(storm) for _ in range(STORM // 40)):
                    await relay.request(SUBJECT, body, timeout=30)
                    sent.add(body)
        await until(lambda: drained(relay), seconds=full(600, 60))
        letters = await DeadLetters(database).open()
    assert all(effects.seen(issue) == [1, 2, 3, 4] for issue in issues)
    assert {letter.body for letter in letters} == sent
    assert len(letters) == len(sent), "something died twice"
    assert rows(stack_database, "SELECT count(*) FROM tracking.parked") == [(0,)]
