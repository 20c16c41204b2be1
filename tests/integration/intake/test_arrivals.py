"""Issues that arrive at the same time share a transaction; each gets what it would get alone."""

import asyncio
from typing import Any

from shared.ids import new_id
from tests.integration.intake.conftest import CADRE, Intake, body
from tests.integration.intake.test_attachments import photo
from tests.support.platform import bearer, principal

AT_ONCE = 20


async def test_each_of_those_who_come_together_has_its_own_answer_audit_entry_and_trace(intake: Intake) -> None:
    traces = [f"{turn:032x}" for turn in range(1, AT_ONCE + 1)]
    callers = [None if turn % 2 else CADRE for turn in range(AT_ONCE)]
    topics = ["spaceships" if turn % 5 == 4 else "street_light" for turn in range(AT_ONCE)]
    answers = await asyncio.gather(
        *(
            intake.http.post(
                "/api/intake/v1/issues",
                json=body(topic=topic, title=f"路灯 {turn}"),
                headers={"Idempotency-Key": new_id(), "traceparent": f"00-{trace}-00000000000000aa-01"}
                | (bearer(caller) if caller else {}),
            )
            for turn, (trace, caller, topic) in enumerate(zip(traces, callers, topics, strict=True))
        )
    )
    assert [answer.status_code for answer in answers] == [422 if topic == "spaceships" else 201 for topic in topics]
    (transactions,) = intake.rows("SELECT count(DISTINCT xmin::text) FROM intake.issues")[0]
    assert transactions <= 3
    audited = {trace: (who, result) for trace, who, result in intake.rows("SELECT trace_id, who, result FROM intake.audit")}
    assert audited == {
        trace: (CADRE.subject if caller else "anonymous", "invalid_request" if topic == "spaceships" else "ok")
        for trace, caller, topic in zip(traces, callers, topics, strict=True)
    }
    for turn, answer in enumerate(answers):
        if answer.status_code == 201:
            issue_id = answer.json()["issue_id"]
            ((title,),) = intake.rows("SELECT title FROM intake.issues WHERE issue_id = %s", issue_id)
            (raised,) = await intake.stream(issue_id)
            assert (title, (raised.traceparent or "")[3:35]) == (f"路灯 {turn}", traces[turn])


async def test_one_that_the_database_refuses_takes_nobody_with_it(intake: Intake) -> None:
    receipt = (await intake.upload(photo())).json()["receipt"]
    matters: list[dict[str, Any]] = [{"attachments": [receipt]} if turn in (3, 7) else {} for turn in range(AT_ONCE)]
    answers = await asyncio.gather(*(intake.raise_issue(**matter) for matter in matters))
    refused = [answer for answer in answers if answer.status_code != 201]
    assert [(answer.status_code, answer.json()["errors"][0]["code"]) for answer in refused] == [(422, "receipt_used")]
    assert intake.rows("SELECT count(*), count(DISTINCT number) FROM intake.issues") == [(AT_ONCE - 1, AT_ONCE - 1)]
    assert intake.rows("SELECT count(*) FROM log.events WHERE aggregate = 'issue'") == [(AT_ONCE - 1,)]
    assert intake.rows("SELECT count(*) FROM intake.audit WHERE action = 'raise_issue' AND result = 'ok'") == [(AT_ONCE - 1,)]


async def test_a_key_that_comes_twice_at_once_is_one_issue_beside_others(intake: Intake) -> None:
    keys = ["same" if turn in (2, 5) else None for turn in range(AT_ONCE)]
    answers = await asyncio.gather(*(intake.raise_issue(principal("dispatcher", "330182000000"), key=key) for key in keys))
    assert sorted(answer.status_code for answer in answers) == [201] * (AT_ONCE - 1) + [409]
    assert intake.rows("SELECT count(*) FROM intake.issues") == [(AT_ONCE - 1,)]
    assert intake.rows("SELECT count(*), count(issue_id) FROM intake.audit WHERE result = 'idempotency_in_flight'") == [(1, 0)]
