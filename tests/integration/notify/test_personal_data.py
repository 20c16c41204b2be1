"""A canary reporter is found in no table of notify, no log line, no event; and after erasure not even masked."""

import logging
from datetime import timedelta

import psycopg
import pytest

from shared.contracts.intake import IssueRaised, ReporterErased
from shared.contracts.routing import Assigned, Resolved
from shared.ids import new_id
from tests.integration.notify.conftest import NAME, Builder, World
from tests.support.events import example

PHONES = ("13899990001", "13899990002", "13899990003", "13899990004", "13899997777")
MAIL = "canary@example.cn"
REFUSED = "refused@canary.example.cn"


def dump(world: World) -> str:
    """Every row of notify's schema and of the log, as text."""
    with psycopg.connect(world.stack.superuser) as connection:
        tables = connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('notify', 'log')").fetchall()
        parts = [connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t'.encode()).fetchall() for schema, table in tables]
    return "\n".join(str(row[0]) for rows in parts for row in rows)


async def test_the_canary_is_nowhere(builder: Builder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = await builder.build()
    for phone in PHONES:
        issue = new_id()
        world.reporter(issue, phone=phone, email=REFUSED if phone.endswith("0001") else MAIL)
        await world.happens(issue, example(IssueRaised), example(Assigned), example(Resolved))
    for _ in range(4):
        await world.tick(timedelta(minutes=6))
    assert len(world.messages) > len(PHONES)
    assert world.mails
    stored, logged = dump(world), caplog.text
    for secret in (*PHONES, MAIL, REFUSED, NAME, "huiyin.example/t/"):
        assert secret not in stored, secret
    own = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith(("mail.log", "aiosmtpd", "deploy")))
    for secret in (*PHONES, MAIL, REFUSED, NAME, "huiyin.example/t/"):
        assert secret not in own, secret
    assert logged
    assert "138****0001" in stored


async def test_after_erasure_even_the_masked_address_is_gone(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised))
    await world.drain()
    assert "138****2207" in dump(world)
    await world.happens(issue, example(Assigned), example(ReporterErased))
    del world.intake.contacts[issue]
    await world.drain()
    assert "138****2207" not in dump(world)
    assert len(world.messages) == 1
