"""Every OpenAPI document against its real service: whatever is sent, the answer is one that the document tells of.

Cases are made by schemathesis, half of them within the schema and half against it, always the same ones. Half of those that name something
in their path name something that is there, and every kind of caller comes by, most often one who may: so what lies behind is reached.
"""
# What schemathesis makes is generic in a type that it leaves open.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import random
from collections import defaultdict
from itertools import count
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.security.access import ACTIONS
from tests.integration.hostile.conftest import Served
from tests.integration.hostile.county import SERVICES, key
from tests.support.life import VILLAGE
from tests.support.raising import issue_body
from tests.support.size import full

EXAMPLES = full(400, 4)
"""Of each operation."""
UNMINDED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
"""A busy machine is slow, and what a schema forbids is hard to hit: cases are judged by their answers."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
WHO_MAY = {
    "POST /api/intake/v1/issues/": "citizen",
    "/sla/": "admin",
    "/calendars/": "admin",
    "/directory/": "admin",
    "/audit": "auditor",
    "/resend": "operator",
    "/dead-letters": "operator",
    "/notices/failed": "operator",
    "/lag": "operator",
    "/spans": "operator",
}
"""By a part of method and path; a command names its action; elsewhere the supervisor sees most."""
COMMANDS = {f"POST /api/routing/v1/issues/{{issue_id}}/{action}": rule for action, rule in ACTIONS.items()}
DEPTH = {"intake": 6, "routing": 6, "tracking": 4, "notify": 4}
"""Kinds of answers that a service gives at least: fewer, and the cases did not get far."""


@pytest.fixture(scope="module")
def there(served: Served) -> dict[str, list[str]]:
    """Values of path parameters that name something."""
    with httpx.Client(base_url=served.urls["intake"], trust_env=False, timeout=30) as intake:
        issues = [intake.post("/api/intake/v1/issues", json=issue_body(), headers=key()).json() for _ in range(3)]
    served.loop.do(served.county.follow(*(issue["issue_id"] for issue in issues)))
    admin = {"Authorization": f"Bearer {served.county.everybody()['admin']}"}
    with httpx.Client(base_url=served.urls["routing"], trust_env=False, timeout=30) as routing:
        draft = routing.post("/api/routing/v1/sla/policies/drafts", json={}, headers=admin | key())
    assert draft.status_code == 201, draft.text
    return {
        "issue_id": [issue["issue_id"] for issue in issues],
        "token": [issue["tracking_url"].rpartition("/")[2] for issue in issues],
        "region_code": [VILLAGE],
        "version": ["1"],
        "officer_id": [f"cadre-{VILLAGE}"],
        "draft_id": [draft.json()["draft_id"]],
        "provider": ["sms"],
    }


@pytest.mark.timeout(full(7200, 600))
@pytest.mark.parametrize("service", SERVICES)
def test_the_document_tells_every_answer(service: str, served: Served, there: dict[str, list[str]]) -> None:
    schema = schemathesis.openapi.from_url(f"{served.urls[service]}/api/{service}/openapi.json")
    statuses, wrong = defaultdict[str, set[int]](set), list[str]()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        try:
            _try(operation, served, there, statuses[operation.label])
        except FailureGroup as failures:
            wrong += [f"{operation.label}: {failure}" for failure in failures.exceptions]
    assert not wrong, "\n\n".join(wrong)
    behind = [label for label, given_answers in statuses.items() if given_answers <= {401, 403}]
    assert not behind, f"never got past access: {behind}"
    assert len(set.union(*statuses.values())) >= DEPTH[service], statuses


def _try(operation: Any, served: Served, there: dict[str, list[str]], statuses: set[int]) -> None:
    people = served.county.everybody()
    usual, turn = _who_may(operation.label), count()
    cases = st.one_of(operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE))
    callers = st.sampled_from(sorted(people))

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=UNMINDED,
    )
    @given(case=cases, who=callers, chance=st.randoms(use_true_random=False))
    def answers_as_documented(case: Any, who: str, chance: random.Random) -> None:
        who = who if next(turn) % 2 else usual
        case.headers.pop("Authorization", None)  # one made up is nobody's
        if (token := people[who]) is not None:
            case.headers["Authorization"] = f"Bearer {token}"
        _name_what_is_there(case, there, chance)
        answer = case.call(timeout=30)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    answers_as_documented()


def _who_may(label: str) -> str:
    rule = COMMANDS.get(label)
    if rule is not None:
        return next(role for role in ("officer", "dispatcher", "supervisor") if role in rule.parties)
    return next((who for part, who in WHO_MAY.items() if part in f"{label}/"), "supervisor")


def _name_what_is_there(case: Any, there: dict[str, list[str]], chance: random.Random) -> None:
    for name in case.path_parameters:
        if name in there and chance.random() < 0.5:
            case.path_parameters[name] = chance.choice(there[name])
    if chance.random() < 0.9:
        case.headers["Idempotency-Key"] = f"{chance.getrandbits(64):x}"
    if (tag := chance.choice((None, "*", '"1"', '"7"'))) is not None:
        case.headers["If-Match"] = tag
