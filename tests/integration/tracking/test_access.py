"""Who sees which issue: every endpoint of staff, from own, child, sibling, parent and look-alike regions, by role."""

from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned
from shared.ids import new_id
from shared.security.principal import Principal
from tests.integration.tracking.conftest import Api
from tests.support.events import (
    COUNTY,
    LOOK_ALIKE_TOWNSHIP,
    OTHER_COUNTY,
    OTHER_TOWNSHIP,
    SIBLING_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    digest,
    example,
    handler,
)
from tests.support.platform import principal

READERS = [
    ("own village", principal("cadre", VILLAGE), True),
    ("township above", principal("officer", TOWNSHIP), True),
    ("county above", principal("supervisor", COUNTY), True),
    ("dispatcher above", principal("dispatcher", TOWNSHIP), True),
    ("sibling village", principal("cadre", SIBLING_VILLAGE), False),
    ("sibling township", principal("officer", OTHER_TOWNSHIP), False),
    ("other county", principal("supervisor", OTHER_COUNTY), False),
    ("look-alike township", principal("officer", LOOK_ALIKE_TOWNSHIP), False),
    ("nowhere", principal("officer"), False),
]
IDS = [name for name, _, _ in READERS]


@pytest.fixture
async def issue_id(api: Api) -> str:
    stream = new_id()
    await api.world.happens(example(IssueRaised), example(Assigned), stream=stream, region=VILLAGE)
    await api.world.sees()
    return stream


@pytest.mark.parametrize(("_name", "who", "sees"), READERS, ids=IDS)
async def test_lists_counts_statistics_and_single_issues_end_at_the_region(
    api: Api, issue_id: str, _name: str, who: Principal, sees: bool
) -> None:
    ledger = (await api.get("/issues", who)).json()
    assert [item["issue_id"] for item in ledger["items"]] == ([issue_id] if sees else [])
    assert ledger["counts"] == ({"assigned": 1} if sees else {})
    statistics = (await api.get("/statistics", who, group_by="region")).json()
    assert statistics["issues"]["total"] == statistics["figures"]["raised"] == int(sees)
    assert len(statistics["groups"]) == int(sees)
    outlook = (await api.get("/statistics/outlook", who, group_by="unit")).json()
    assert outlook["whole"]["open"] == len(outlook["groups"]["unit"]) == int(sees)
    assert table((await api.get("/issues.xlsx", who)).content) == int(sees)
    assert (await api.get(f"/issues/{issue_id}", who)).status_code == (200 if sees else 404)


PATHS = ["/issues", "/issues.xlsx", "/statistics", "/statistics/outlook", "/statistics/trends"]


def table(content: bytes) -> int:
    """How many issues a workbook holds."""
    return len(CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()) - 2


@pytest.mark.parametrize("path", PATHS)
async def test_a_region_that_is_not_ones_own_cannot_be_asked_for(api: Api, issue_id: str, path: str) -> None:
    officer = principal("officer", TOWNSHIP)
    for region, status in [
        (TOWNSHIP, 200),
        (VILLAGE, 200),
        (COUNTY, 403),
        (OTHER_TOWNSHIP, 403),
        (LOOK_ALIKE_TOWNSHIP, 403),
        (OTHER_COUNTY, 403),
    ]:
        assert (await api.get(path, officer, region=region)).status_code == status, region


@pytest.mark.parametrize(
    ("role", "ledger", "statistics"), [("admin", 403, 200), ("operator", 403, 403), ("auditor", 403, 403), ("cadre", 200, 200)]
)
async def test_roles_that_act_on_no_case_read_none(api: Api, issue_id: str, role: str, ledger: int, statistics: int) -> None:
    who = Principal(role, role, role, (VILLAGE,) if role == "cadre" else ())  # pyright: ignore[reportArgumentType]
    assert (await api.get("/issues", who)).status_code == ledger
    assert (await api.get(f"/issues/{issue_id}", who)).status_code == ledger
    assert (await api.get("/issues.xlsx", who)).status_code == ledger
    for path in ("/statistics", "/statistics/outlook", "/statistics/trends"):
        assert (await api.get(path, who)).status_code == statistics


async def test_without_a_token_nothing_of_staff_is_shown_whatever_the_parameters(api: Api, issue_id: str) -> None:
    for path in (*PATHS, "/issues?limit=0", f"/issues/{issue_id}", "/statistics?from=x", "/statistics/outlook?days=x"):
        assert (await api.get(path)).status_code == 401, path
    operator = principal("operator")
    assert (await api.get("/issues", operator, limit=0)).status_code == 403


async def test_a_conduct_matter_is_hidden_from_the_village_and_shown_above(api: Api) -> None:
    stream = new_id()
    officer = handler("township", unit="discipline")
    await api.world.happens(
        example(IssueRaised, category="conduct", first_receiver=None, tracking_digest=digest("conduct")),
        example(Assigned, level="township", handler=officer, first_receiver=officer),
        stream=stream,
    )
    await api.world.sees()
    for who, sees in [
        (principal("cadre", VILLAGE), False),
        (principal("officer", VILLAGE), False),
        (principal("officer", TOWNSHIP), True),
        (principal("supervisor", COUNTY), True),
        (principal("officer", VILLAGE, TOWNSHIP), True),
        (principal("officer", VILLAGE, OTHER_TOWNSHIP), False),
    ]:
        ledger = (await api.get("/issues", who)).json()
        assert len(ledger["items"]) == ledger["total"] == int(sees), who
        statistics = (await api.get("/statistics", who)).json()
        assert statistics["issues"]["total"] == statistics["figures"]["raised"] == int(sees), who
        assert (await api.get("/statistics/outlook", who)).json()["whole"]["open"] == int(sees), who
        assert table((await api.get("/issues.xlsx", who)).content) == int(sees), who
        assert (await api.get(f"/issues/{stream}", who)).status_code == (200 if sees else 404), who


async def test_tracking_takes_no_commands(api: Api, issue_id: str) -> None:
    schema = (await api.get("/../openapi.json")).json()
    commands = {path for path, methods in schema["paths"].items() if set(methods) != {"get"}}
    dead_letters = "/api/tracking/v1/dead-letters/{letter}"
    assert commands == {f"{dead_letters}/replay", f"{dead_letters}/discard"}, "only an operator's decision on what tracking could not take"
