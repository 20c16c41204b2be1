"""The page of an issue: its clock and what follows, its way up, joint tasks, photos, and who was faster."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from shared.contracts.values import Evidence
from shared.ids import new_id
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_pages import CADRE, STRANGER, form, post, sign_in
from tests.support.life import COUNTY, TOWNSHIP
from tests.support.pages import Page
from tests.support.servers import StackDatabase

OFFICER = f"officer-{TOWNSHIP}"


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        yield found


async def told(here: Office, issue_id: str, who: str = CADRE, **params: int) -> httpx.Response:
    return await here.client.get(f"/api/routing/v1/issues/{issue_id}", params=params, headers=here.staff(who))


async def shown(here: Office, issue_id: str, **params: str) -> Page:
    return Page(await here.client.get(f"/work/{issue_id}", params=params))


def receipt(here: Office, attachment_id: str) -> str:
    photo = Evidence(attachment_id=attachment_id, sha256="0" * 64, media_type="image/jpeg")
    return here.app.receipts.issue(photo, now=datetime.now(UTC))


async def test_the_page_says_until_when_in_which_time_and_what_happens_then(here: Office) -> None:
    issue_id = await here.raised()
    await here.give(issue_id, "accept", by=here.staff(CADRE))
    await sign_in(here)
    text = (await shown(here, issue_id)).text
    assert "还剩 5 个工作日" in text or "还剩 4 个工作日" in text
    assert "只算上班的钟点" in text
    assert "没办结就自动升到镇" in text
    assert "到时会怎样" in text
    urgent = await here.raised(priority="urgent")
    assert "不分昼夜" in (await shown(here, urgent)).text


async def test_the_way_up_the_ladder_is_drawn_with_a_text_and_told_as_a_list(here: Office) -> None:
    issue_id = await here.raised()
    await sign_in(here, OFFICER)
    here.clock.instant += timedelta(days=5)
    await here.settle(issue_id)
    answer = await here.client.get(f"/work/{issue_id}")
    text = Page(answer).text
    assert "<title" in answer.text
    assert "<desc" in answer.text
    assert text.count("到期未签收") >= 2, "in the drawing and in the list"
    assert "限 5 个工作日" in text
    (village, township) = (await told(here, issue_id, OFFICER)).json()["stays"]
    assert (village["level"], village["how"], village["missed"]) == ("village", "accept_deadline_missed", True)
    assert (township["level"], township["ended"], township["allowance"]) == ("township", None, 10 * 27000)


async def test_only_commands_that_would_be_taken_are_offered(here: Office) -> None:
    issue_id = await here.raised()
    assert {"accept", "resolve", "request-escalation"} <= set((await told(here, issue_id)).json()["commands"])
    assert (await told(here, issue_id, OFFICER)).json()["commands"] == [], "the village has it"
    assert (await told(here, issue_id, f"supervisor-{COUNTY}")).json()["commands"] == ["supervise"]


async def test_an_issue_is_told_to_nobody_from_elsewhere(here: Office) -> None:
    issue_id = await here.raised()
    assert (await told(here, issue_id, STRANGER)).status_code == 404
    assert (await told(here, new_id())).status_code == 404
    assert (await here.client.get(f"/api/routing/v1/issues/{issue_id}")).status_code == 401
    hidden = await here.raised(category="conduct", topic="cadre")
    assert (await told(here, hidden)).status_code == 404, "village staff see no conduct matter"


async def test_joint_tasks_are_listed_and_completed_by_a_form(here: Office) -> None:
    issue_id = await here.raised(topic="street_light")
    await here.give(issue_id, "request-escalation", {"reason": "需要镇里"}, by=here.staff(CADRE))
    await sign_in(here, OFFICER)
    await post(here, f"/work/{issue_id}/accept")
    unit = next(unit for unit in here.app.staff.holder.current.units if unit.startswith(COUNTY))
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d")
    filled = await form(here, issue_id, "invite") | {"unit": unit, "task": "查看路面", "due_at": day}
    assert (await post(here, f"/work/{issue_id}/invite", **filled)).status_code == 303
    page = await shown(here, issue_id)
    assert "查看路面" in page.text
    assert here.app.staff.holder.current.units[unit].zh in page.text
    here.client.cookies.clear()
    await sign_in(here, f"officer-{COUNTY}")
    filled = await form(here, issue_id, "complete-task") | {"result": "已经修好"}
    (task,) = (await told(here, issue_id, f"officer-{COUNTY}")).json()["tasks"]
    assert (await post(here, f"/work/{issue_id}/complete-task", **filled | {"task_id": task["task_id"]})).status_code == 303
    (task,) = (await told(here, issue_id, OFFICER)).json()["tasks"]
    assert (task["state"], task["result"], task["own"]) == ("done", "已经修好", False)
    assert "已经修好" in (await shown(here, issue_id)).text


async def test_a_photo_that_was_uploaded_goes_along_and_stands_under_after(here: Office) -> None:
    await sign_in(here)
    before, after = new_id(), new_id()
    issue_id = await here.raised(evidence=(Evidence(attachment_id=before, sha256="0" * 64, media_type="image/jpeg"),))
    await post(here, f"/work/{issue_id}/accept")
    typed = await form(here, issue_id, "resolve") | {"result": "修好了", "outcome": "solved"}
    seen = typed["version"]
    back = await post(here, f"/work/{issue_id}/resolve", **typed | {"draft": "yes", "evidence": receipt(here, after)})
    assert back.status_code == 200
    assert "Resolved" not in await here.names(issue_id), "a draft is not sent"
    page = Page(back)
    again = page.forms[f"/work/{issue_id}/resolve"].fields
    assert (again["result"].strip("\n"), again["version"]) == ("修好了", seen)
    assert f"/evidence/{after}" in page.links
    assert (await post(here, f"/work/{issue_id}/resolve", **again | {"outcome": "solved"})).status_code == 303
    answer = await here.client.get(f"/work/{issue_id}")
    text = answer.text
    assert text.index(f"/evidence/{before}") < text.index(f"/evidence/{after}")
    assert [file["source"] for file in (await told(here, issue_id)).json()["files"]] == ["raised", "resolution"]


async def test_a_draft_that_was_overtaken_is_still_a_conflict(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    typed = await form(here, issue_id, "resolve") | {"result": "修好了", "outcome": "explained"}
    await here.give(issue_id, "accept", by=here.staff(CADRE))
    back = Page(await post(here, f"/work/{issue_id}/resolve", **typed | {"draft": "yes"}))
    again = back.forms[f"/work/{issue_id}/resolve"].fields | {"outcome": "explained"}
    assert (await post(here, f"/work/{issue_id}/resolve", **again)).status_code == 412


async def test_who_was_slower_is_told_who_did_what(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    filled = await form(here, issue_id, "request-escalation") | {"reason": "村里办不了"}
    await here.give(issue_id, "accept", by=here.staff(CADRE))
    answer = await post(here, f"/work/{issue_id}/request-escalation", **filled)
    assert answer.status_code == 412
    page = Page(answer)
    assert page.forms[f"/work/{issue_id}/request-escalation"].fields["reason"].strip("\n") == "村里办不了"
    changed = page.text[page.text.index("您打开本页以后") :]
    assert here.app.staff.holder.current.officers[CADRE].name in changed
    assert "签收" in changed[: changed.index("理由")]


async def test_a_command_that_time_overtook_says_so_and_keeps_what_was_typed(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    filled = await form(here, issue_id, "resolve") | {"outcome": "explained", "result": "已经解释清楚"}
    here.clock.instant += timedelta(days=10)
    answer = await post(here, f"/work/{issue_id}/resolve", **filled)
    assert answer.status_code in (403, 409, 412)
    page = Page(answer)
    assert page.forms[f"/work/{issue_id}/resolve"].fields["result"].strip("\n") == "已经解释清楚"
    assert "升到上一级" in page.text
