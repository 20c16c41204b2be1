"""The explanation over HTTP and on the command line: now, at a past instant, in the caller's language, and for nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from typer.testing import CliRunner, Result

from deploy.commands import sla
from shared.security.principal import Principal
from tests.integration.routing.issue_support import Office, office
from tests.support.life import MONDAY, VILLAGE
from tests.support.servers import StackDatabase

CADRE = f"cadre-{VILLAGE}"


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def ask(
    desk: Office, issue_id: str, at: str | None = None, *, by: dict[str, str] | None = None, language: str = "zh"
) -> httpx.Response:
    parameters = {} if at is None else {"at": at}
    headers = {**(by or desk.staff(CADRE)), "Accept-Language": language}
    return await desk.client.get(f"/api/routing/v1/issues/{issue_id}/deadline", params=parameters, headers=headers)


async def test_now_and_at_a_past_instant(desk: Office) -> None:
    issue_id = await desk.raised()
    desk.clock.instant = MONDAY + timedelta(hours=1)
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    now = (await ask(desk, issue_id)).json()
    assert (now["state"], [each["kind"] for each in now["deadlines"]]) == ("in_progress", ["handle", "interim"])
    handle = now["deadlines"][0]
    assert (handle["rule"], handle["seconds_used"], handle["holds"], handle["recomputed"]) == ("village", 3600, True, handle["due_at"])
    assert [each["why"] for each in handle["losers"] if each["rule"] == "everything"] == ["less_specific"]
    then = (await ask(desk, issue_id, (MONDAY + timedelta(minutes=30)).isoformat())).json()
    assert (then["state"], then["version"], then["deadlines"][0]["kind"]) == ("assigned", 2, "accept")
    assert then["deadlines"][0]["seconds_used"] == 1800


async def test_the_text_is_in_the_callers_language(desk: Office) -> None:
    issue_id = await desk.raised()
    zh = (await ask(desk, issue_id)).json()["text"]
    en = (await ask(desk, issue_id, language="en")).json()["text"]
    assert len(zh) == len(en)
    assert any(sentence.startswith("办理期限 2026-03-09 09:00:") for sentence in zh)
    assert any(sentence.startswith("To be settled by 2026-03-09 09:00: ") for sentence in en)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ((MONDAY + timedelta(seconds=1)).isoformat(), "in_the_future"),
        ("2026-03-02T09:00:00", "instant_expected"),
        ("yesterday", "instant_expected"),
    ],
)
async def test_an_instant_that_is_none_or_lies_in_the_future(desk: Office, at: str, code: str) -> None:
    issue_id = await desk.raised()
    answer = await ask(desk, issue_id, at)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["pointer"], error["code"], error["in"]) == (422, "/at", code, "query")


async def test_before_it_was_raised_there_is_no_issue(desk: Office) -> None:
    issue_id = await desk.raised()
    answer = await ask(desk, issue_id, (MONDAY - timedelta(seconds=1)).isoformat())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_stranger_learns_nothing(desk: Office) -> None:
    issue_id = await desk.raised(category="conduct", topic="service")
    stranger = Principal("officer-330182105000", "o", "officer", ("330182105000",), ())
    answer = await ask(desk, issue_id, by=desk.bearer(stranger))
    assert answer.status_code == 404
    unsaid = await ask(desk, issue_id, "2999-01-01T00:00:00+08:00", by=desk.bearer(stranger))
    assert unsaid.status_code == 404


async def test_huiyin_sla_explain(desk: Office, stack_database: StackDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    def state(data: Path) -> SimpleNamespace:
        return SimpleNamespace(database_url=stack_database.url)

    async def huiyin(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, sla.app, ["explain", *words])

    monkeypatch.setattr(sla, "load", state)
    raised_at = desk.clock.instant = datetime.now(UTC) - timedelta(hours=1)
    issue_id = await desk.raised()
    number = f"330182-20260302-{issue_id[-6:]}"
    told = json.loads((await huiyin(number, "--json")).stdout)
    assert (told["issue_id"], [each["holds"] for each in told["deadlines"]]) == (issue_id, [True, True, True])
    assert number in (await huiyin(issue_id)).stdout.splitlines()[0]
    assert "Rule “everything” fits too" in (await huiyin(number, "--lang", "en", "--at", raised_at.isoformat())).stdout
    for words, complaint in [
        (("330182-20260302-999999",), "No such issue"),
        ((number, "--at", "yesterday"), "is no instant"),
        ((number, "--at", "2026-03-02T09:00:00"), "is no instant"),
        ((number, "--at", "2999-01-01T00:00:00Z"), "lies in the future"),
        ((number, "--at", "2001-01-01T00:00:00Z"), "had not been raised"),
    ]:
        refused = await huiyin(*words)
        assert complaint in str(refused.exception)
