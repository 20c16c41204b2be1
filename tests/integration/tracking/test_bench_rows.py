"""The rows that the bench puts into the read models are like those of the projections: pages show them."""

from typing import Any

import pytest

from shared.contracts.event import Event
from tests.bench.reading import COUNTY, OPEN, grow, issue_id, token
from tests.integration.tracking.conftest import Api, World
from tests.support.events import EXAMPLES
from tests.support.platform import principal
from tests.support.servers import StackDatabase

CONTRACTS: dict[str, type[Event]] = {kind.__name__: kind for kind in EXAMPLES}
HIDDEN = {"IssueRaised": {"tracking_digest": ""}}
"""What an event has and the timeline does not keep."""


@pytest.fixture
def grown(stack_database: StackDatabase) -> None:
    grow(stack_database.superuser, OPEN - 40, OPEN + 40)


@pytest.mark.usefixtures("grown")
async def test_every_fact_is_one_of_the_contract(world: World) -> None:
    rows: list[dict[str, Any]] = await world.rows("timeline")
    assert {row["event"] for row in rows} == {"IssueRaised", "Assigned", "Accepted", "Resolved", "Rated", "Closed"}
    for row in rows:
        CONTRACTS[row["event"]].model_validate(row["facts"] | HIDDEN.get(row["event"], {}))


@pytest.mark.usefixtures("grown")
async def test_topics_differ_and_the_fitting_unit_handles_each(world: World) -> None:
    rows = await world.rows("ledger")
    fitting = {(row["topic"], row["handler_unit"].partition("/")[2]) for row in rows}
    assert {("street_light", "construction"), ("relief", "civil_affairs"), ("cadre", "discipline")} <= fitting
    assert all((row["category"] == "conduct") == row["handler_unit"].endswith("/discipline") for row in rows)


@pytest.mark.usefixtures("grown")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("number", [OPEN - 1, OPEN])
async def test_the_pages_of_one_issue_show_them(api: Api, number: int, language: str) -> None:
    for path, who in ((f"/t/{token(number)}", None), (f"/issues/{issue_id(number)}", principal("supervisor", COUNTY))):
        page = await api.page(path, who, language=language)
        assert page.status_code == 200, (path, page.text)
