"""What the tests of policies, roll-outs and calendars share: administrators, rules with another deadline, a roll-out to its end."""

from typing import Any

import httpx
import pytest

from services.routing import rollouts
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import parse_allowance
from shared.contracts.routing import DeadlineChanged, RolloutCompleted
from shared.contracts.values import Deadline
from shared.security.principal import Principal
from tests.integration.routing.issue_support import Office
from tests.support.life import VILLAGE

SLA = "/api/routing/v1/sla"
CALENDAR = "/api/routing/v1/calendars/cn"
CADRE = f"cadre-{VILLAGE}"


def admin(desk: Office, name: str = "admin") -> dict[str, str]:
    return desk.bearer(Principal(name, "管理员", "admin", (), ()))


def rules(**handle: str) -> list[dict[str, Any]]:
    """The default's rules with another handle deadline for levels, e.g. `village="3 working_days"`."""
    found = [rule.model_dump(mode="json") for rule in DEFAULT_RULES]
    for rule in found:
        if rule["rule"] in handle:
            amount, unit = handle[rule["rule"]].split()
            rule["set"]["handle"] = {"amount": int(amount), "unit": unit}
    return found


async def drafted(desk: Office, body: dict[str, Any]) -> httpx.Response:
    return await desk.client.post(f"{SLA}/policies/drafts", json=body, headers=admin(desk))


async def published(desk: Office, body: dict[str, Any], open_issues: str = "recompute", **fields: Any) -> httpx.Response:
    draft = (await drafted(desk, body)).json()
    return await desk.client.post(
        f"{SLA}/policies/drafts/{draft['draft_id']}/publish",
        json={"open_issues": open_issues, **fields},
        headers={**admin(desk, "admin2"), "If-Match": f'"{draft["version"]}"'},
    )


async def rolled_out(desk: Office, rollout_id: str) -> dict[str, Any]:
    progress = await desk.app.rollouts.plan(rollout_id)
    while progress.state == "running":
        progress = await desk.app.rollouts.step(rollout_id)
    return (await desk.client.get(f"{SLA}/rollouts/{rollout_id}", headers=admin(desk))).json()


def special(name: str, match: dict[str, str], **settings: str) -> dict[str, Any]:
    """One more rule, e.g. `special("soon", {"label": "soon"}, handle="1 working_days")`."""
    return {"rule": name, "match": match, "set": {key: parse_allowance(text).model_dump() for key, text in settings.items()}}


async def started(desk: Office, rules: list[dict[str, Any]], open_issues: str = "recompute", **fields: Any) -> str:
    """The id of the roll-out that a publication begins."""
    answer = await published(desk, {"rules": rules}, open_issues, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["rollout"]["rollout_id"]


async def shown(desk: Office, rollout_id: str) -> dict[str, Any]:
    """A roll-out as its page has it."""
    return (await desk.client.get(f"{SLA}/rollouts/{rollout_id}", headers=admin(desk))).json()


def batches_of(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "BATCH", count)


async def handle(desk: Office, issue_id: str) -> Deadline:
    async with desk.app.database.transaction() as session:
        found = (await desk.issues.load(session, issue_id)).issue.running_of("handle")
    assert found is not None
    return found


async def changes(desk: Office, issue_id: str) -> list[DeadlineChanged]:
    return [recorded.data for recorded in await desk.history(issue_id) if isinstance(recorded.data, DeadlineChanged)]


async def completed(desk: Office) -> list[RolloutCompleted]:
    async with desk.app.database.transaction() as session:
        events = (await desk.app.log.load(session, "policy-default")).events
    return [recorded.data for recorded in events if isinstance(recorded.data, RolloutCompleted)]
