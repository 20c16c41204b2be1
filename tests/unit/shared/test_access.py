"""The access table, cell by cell: every action × role × kind of region."""

from typing import get_args

import pytest

from shared.problems import Problem
from shared.security.access import ACTIONS, Action, check, open_to, visible, visible_conduct
from shared.security.principal import ROLES, Role
from tests.support.platform import (
    COUNTY,
    LOOK_ALIKE_VILLAGE,
    SIBLING_COUNTY,
    SIBLING_TOWNSHIP,
    SIBLING_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    VILLAGE_OF_SIBLING,
    principal,
)

C, O, D, S, A, P, U = "cadre", "officer", "dispatcher", "supervisor", "admin", "operator", "auditor"  # noqa: E741
CASE, HANDLER, ABOVE = {C, O, D, S}, {C, O, D}, {D, S}

WHO: dict[Action, set[str]] = {
    "raise_issue": CASE,
    "read_statement": CASE,
    "read_attachment": CASE,
    "read_ledger": CASE,
    "read_issue": CASE,
    "read_statistics": CASE | {A},
    "read_notices": CASE,
    "read_worklist": CASE,
    "read_deadline": CASE | {A},
    "accept": HANDLER,
    "report-progress": HANDLER,
    "resolve": HANDLER,
    "request-escalation": HANDLER,
    "return": HANDLER,
    "arbitrate": ABOVE,
    "reassign": HANDLER,
    "reclassify": ABOVE,
    "invite": {O, D},
    "complete-task": HANDLER,
    "suspend": CASE,
    "resume": CASE,
    "request-extension": HANDLER,
    "decide-extension": ABOVE,
    "refer": {O, D},
    "supervise": {S},
    "record-return-visit": CASE,
    "reopen": {S},
    "administer_policies": {A},
    "administer_directory": {A},
    "administer_accounts": {A},
    "operate": {P},
    "read_audit": {U},
}
HIDDEN: set[Action] = {"read_statement", "read_attachment", "read_issue", "read_notices", "read_deadline"}
REGIONAL = sorted(set(WHO) - {"operate", "read_audit"})


def refusal(who: Role, own: str, action: Action, region: str | None, *, conduct: bool = False) -> tuple[int, str] | None:
    try:
        check(principal(who, own), action, region, conduct=conduct)
    except Problem as problem:
        return problem.status, problem.code
    return None


def test_the_table_has_every_action() -> None:
    assert set(WHO) == set(ACTIONS) == set(get_args(Action))


@pytest.mark.parametrize("action", sorted(WHO))
@pytest.mark.parametrize("role", sorted(ROLES))
def test_role(action: Action, role: Role) -> None:
    expected = None if role in WHO[action] else (403, "forbidden")
    assert refusal(role, VILLAGE, action, VILLAGE) == expected


@pytest.mark.parametrize("action", REGIONAL)
@pytest.mark.parametrize(
    ("own", "inside", "outside"),
    [
        (VILLAGE, [VILLAGE], [SIBLING_VILLAGE, TOWNSHIP, COUNTY, VILLAGE_OF_SIBLING, LOOK_ALIKE_VILLAGE]),
        (TOWNSHIP, [TOWNSHIP, VILLAGE, SIBLING_VILLAGE], [SIBLING_TOWNSHIP, VILLAGE_OF_SIBLING, COUNTY, LOOK_ALIKE_VILLAGE]),
        (COUNTY, [COUNTY, TOWNSHIP, VILLAGE, VILLAGE_OF_SIBLING], [SIBLING_COUNTY, LOOK_ALIKE_VILLAGE, "330000000000"]),
    ],
)
def test_region(action: Action, own: str, inside: list[str], outside: list[str]) -> None:
    for role in get_args(Role):
        if role in WHO[action]:
            assert [refusal(role, own, action, region) for region in inside] == [None] * len(inside)
            expected = (404, "not_found") if action in HIDDEN else (403, "forbidden")
            assert {refusal(role, own, action, region) for region in outside} == {expected}


@pytest.mark.parametrize(("own", "beyond"), [("330182010000", "330182100001"), ("330182001000", "330182010001"), ("330100000000", VILLAGE)])
def test_a_prefix_is_whole_parts(own: str, beyond: str) -> None:
    assert refusal("officer", own, "accept", beyond) == (403, "forbidden")


def test_a_role_that_is_refused_is_told_so_even_elsewhere() -> None:
    assert refusal("operator", TOWNSHIP, "read_issue", VILLAGE_OF_SIBLING) == (403, "forbidden")


@pytest.mark.parametrize("action", sorted(set(WHO) - {"raise_issue"}))
def test_nothing_but_raising_goes_without_a_token(action: Action) -> None:
    with pytest.raises(Problem) as refused:
        check(None, action, VILLAGE)
    assert (refused.value.status, refused.value.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_anyone_may_raise_an_issue() -> None:
    check(None, "raise_issue", VILLAGE)


@pytest.mark.parametrize("action", ["accept", "read_issue", "report-progress", "record-return-visit", "read_deadline", "read_attachment"])
def test_village_staff_neither_see_nor_handle_conduct(action: Action) -> None:
    assert refusal("cadre", VILLAGE, action, VILLAGE, conduct=True) == (404, "not_found")
    assert refusal("officer", VILLAGE, action, VILLAGE, conduct=True) == (404, "not_found")
    assert refusal("cadre", TOWNSHIP, action, VILLAGE, conduct=True) == (404, "not_found")
    assert refusal("officer", TOWNSHIP, action, VILLAGE, conduct=True) is None


def test_a_conduct_matter_is_hidden_elsewhere_and_forbidden_by_role() -> None:
    assert refusal("officer", SIBLING_TOWNSHIP, "accept", VILLAGE, conduct=True) == (403, "forbidden")
    assert refusal("officer", SIBLING_TOWNSHIP, "read_issue", VILLAGE, conduct=True) == (404, "not_found")
    assert refusal("operator", COUNTY, "read_issue", VILLAGE, conduct=True) == (403, "forbidden")


def test_what_lists_show() -> None:
    assert visible(principal("officer", TOWNSHIP, SIBLING_COUNTY)) == ("330182104", "330181")
    assert visible(principal("cadre", VILLAGE)) == (VILLAGE,)
    assert visible_conduct(principal("cadre", VILLAGE)) == ()
    assert visible_conduct(principal("officer", TOWNSHIP, VILLAGE)) == ("330182104",)


def test_only_roles_of_the_whole_deployment_go_without_regions() -> None:
    check(principal("admin"), "administer_directory", COUNTY)
    assert visible(principal("admin")) == ("",)
    assert visible(principal("supervisor")) == ()
    with pytest.raises(Problem):
        check(principal("supervisor"), "supervise", VILLAGE)


def test_an_administrator_with_regions_stays_inside() -> None:
    assert refusal("admin", COUNTY, "administer_directory", SIBLING_COUNTY) == (403, "forbidden")


def test_who_needs_no_account() -> None:
    assert open_to("raise_issue", "anyone")
    assert open_to("read_attachment", "reporter")
    assert not open_to("read_statement", "reporter")
