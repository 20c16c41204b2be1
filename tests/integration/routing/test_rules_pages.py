"""Administrators change deadlines on pages: draft as a table, see what it does, a second person publishes, the roll-out is followed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from services.routing.entrypoints.rules_text import allowances_of, matches_of, written
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_pages import ORIGIN, post, sign_in
from tests.support.pages import Page
from tests.support.servers import StackDatabase


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        await sign_in(found, "admin")
        yield found


async def drafted(here: Office) -> str:
    answer = await post(here, "/rules/drafts", source="version:1")
    assert answer.headers["location"].startswith("/rules/drafts/")
    return answer.headers["location"]


async def table(here: Office, draft: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """The version that the form names, and its rows."""
    answer = await here.client.get(draft)
    told = (await here.client.get(f"/api/routing/v1/sla/policies/drafts/{draft.rpartition('/')[2]}", headers=await bearer(here))).json()
    rows = [(rule["rule"], written(rule["match"]), written(rule["set"])) for rule in told["rules"]]
    return Page(answer).forms[draft].fields, rows


async def bearer(here: Office) -> dict[str, str]:
    return {"Authorization": f"Bearer {here.client.cookies['huiyin_access']}"}


async def save(here: Office, draft: str, fields: dict[str, str], rows: list[tuple[str, str, str]]) -> httpx.Response:
    form = {"version": fields["version"], "note": "更短", "rule": [row[0] for row in rows], "match": [row[1] for row in rows]}
    return await here.client.post(draft, data=form | {"set": [row[2] for row in rows]}, headers=ORIGIN)


async def test_a_draft_is_changed_previewed_and_published_by_another(here: Office) -> None:
    await here.raised()
    draft = await drafted(here)
    fields, rows = await table(here, draft)
    saved = await save(here, draft, fields, [*rows, ("quick", "topic=street_light, level=village", "handle=2 working_hours")])
    assert saved.headers["location"] == f"{draft}?preview=recompute"
    answer = await here.client.get(saved.headers["location"])
    assert 'value="quick"' in answer.text
    seen = Page(answer)
    assert "提前最多的" in seen.text
    publish = f"{draft}/publish"
    own = await post(here, publish, **seen.forms[publish].fields | {"open_issues": "recompute"})
    assert own.status_code == 403, "whoever wrote it cannot publish it"
    await sign_in(here, "admin2")
    fields = Page(await here.client.get(draft)).forms[publish].fields | {"open_issues": "recompute"}
    done = await post(here, publish, **fields)
    assert done.headers["location"].startswith("/rules/rollouts/"), done.text
    rollout = Page(await here.client.get(done.headers["location"]))
    assert "等着开始" in rollout.text or "正在推行" in rollout.text
    await post(here, f"{done.headers['location']}/pause")
    assert "暂停了" in Page(await here.client.get(done.headers["location"])).text
    back = await post(here, "/rules/versions/1/roll-back")
    assert back.headers["location"].startswith("/rules/rollouts/")
    assert "第 3 版" in Page(await here.client.get("/rules")).text


@pytest.mark.parametrize(
    "row",
    [("wrong", "level", "handle=1 hours"), ("wrong", "level=village", "handle=soon"), ("wrong", "topic=no_such", "handle=1 hours")],
)
async def test_what_is_wrong_with_a_rule_is_said_and_the_table_is_kept(here: Office, row: tuple[str, str, str]) -> None:
    draft = await drafted(here)
    fields, rows = await table(here, draft)
    answer = await save(here, draft, fields, [*rows, row])
    if answer.status_code == 303:
        answer = await here.client.get(answer.headers["location"])
        assert "这样还不能发布" in Page(answer).text
        assert f"{draft}/publish" not in Page(answer).forms
    else:
        assert answer.status_code == 422
        assert "有地方要改一下" in Page(answer).text
        assert row[2] in answer.text


async def test_who_was_slower_keeps_the_table(here: Office) -> None:
    draft = await drafted(here)
    fields, rows = await table(here, draft)
    await save(here, draft, fields, rows)
    late = await save(here, draft, fields, [*rows, ("mine", "level=village", "accept=3 hours")])
    assert late.status_code == 412
    assert "mine" in late.text


@pytest.mark.parametrize("path", ["/rules", "/rules/drafts/x", "/rules/rollouts/x"])
async def test_nobody_else_sees_them(here: Office, path: str) -> None:
    await sign_in(here, "supervisor-330182000000")
    assert (await here.client.get(path)).status_code == 403


def test_rules_are_written_as_they_are_read() -> None:
    match = {"level": "village", "priority": "urgent"}
    sets: dict[str, dict[str, object]] = {"handle": {"amount": 5, "unit": "working_days"}, "warn": {"amount": 75, "unit": "percent"}}
    assert matches_of(written(match)) == match
    assert allowances_of(written(sets)) == sets
    assert matches_of(" level=village,priority = urgent ,") == match
    for wrong in ("handle", "handle=", "=5 hours", "handle=five hours", "handle=5"):
        with pytest.raises(ValueError, match=r"handle|5 hours"):
            allowances_of(wrong)
