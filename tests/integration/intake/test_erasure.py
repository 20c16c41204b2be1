import re
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from services.intake.erasure import NoSuchIssue
from services.intake.keys import FixedKeys, KeyFile, KeyRing
from services.intake.rotation import NotOurs, Rotation, StillInUse
from shared.contracts import routing
from shared.contracts.envelope import hash_of
from shared.contracts.intake import ReporterErased
from tests.integration.intake.conftest import CADRE, OFFICER, Intake
from tests.integration.intake.test_attachments import PATH, files, photo
from tests.integration.intake.test_reporter_side import contacts, lookup, statement
from tests.support.events import example
from tests.support.platform import bearer

NAME, PHONE, EMAIL, NARRATIVE, WORDS = "甘雀儿", "13912345678", "canary@example.cn", "门前水沟金丝雀臭气", "金丝雀说灯不亮"
CANARIES = (NAME, PHONE, EMAIL, NARRATIVE, WORDS, "29.4751", "119.2814", "5678")


async def canary(intake: Intake, **changes: Any) -> dict[str, str]:
    """An issue whose reporter is a canary, rated with words, with a photo."""
    receipt = (await intake.upload(photo())).json()["receipt"]
    issue = await intake.raised(
        reporter={"name": NAME, "phone": PHONE, "email": EMAIL},
        narrative=NARRATIVE,
        location={"lat": 29.4751, "lon": 119.2814},
        attachments=[receipt],
        **changes,
    )
    await intake.routed(issue["issue_id"], example(routing.Assigned), example(routing.Resolved, evidence=()), example(routing.Answered))
    assert (await intake.say(issue["token"], "rating", rating="dissatisfied", comment=WORDS)).status_code == 200
    return issue


def dump(intake: Intake, *schemas: str) -> str:
    """Every row of every table of the schemas as text, bytes as text too."""
    rows: list[str] = []
    with psycopg.connect(intake.database.superuser) as connection:
        tables = connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s)", [list(schemas)]).fetchall()
        for schema, table in tables:
            for row in connection.execute(f'SELECT * FROM "{schema}"."{table}"'.encode()):
                rows += [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row]
    return "\n".join(rows)


async def test_no_personal_data_leave_the_vault(intake: Intake, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    issue = await canary(intake)
    await statement(intake, issue["issue_id"], OFFICER)
    await contacts(intake, issue["issue_id"])
    await lookup(intake, issue["number"], PHONE[-4:])
    await intake.raise_issue(reporter={"name": NAME, "phone": PHONE}, title=f"{NAME}家", narrative=NARRATIVE)
    whole = dump(intake, "log", "intake", "routing", "tracking", "notify")
    whole += "".join(path.read_bytes().decode("utf-8", "replace") for path in files(tmp_path))
    out = capfd.readouterr()
    assert issue["number"] in whole
    for found in CANARIES:
        # A hash may hold four digits by chance.
        assert not re.search(rf"(?<![0-9a-f]){re.escape(found)}(?![0-9a-f])", whole), found
        assert found not in out.out + out.err, found
    assert issue["token"] not in dump(intake, "log", "routing", "tracking", "notify")


async def test_erasing_a_reporter_leaves_the_issue_and_its_chain(intake: Intake, tmp_path: Path):
    issue = await canary(intake)
    before = await intake.stream(issue["issue_id"])
    erased = await intake.app.erasure.erase(issue["number"], "reporter_asked", who="operator:test")
    assert (erased.issue_id, erased.attachments, erased.again) == (issue["issue_id"], 1, False)
    after = await intake.stream(issue["issue_id"])
    assert after[:-1] == before
    assert after[-1].data == ReporterErased(reason="reporter_asked")
    bodies = intake.rows("SELECT body, hash FROM log.events WHERE stream = %s ORDER BY version", issue["issue_id"])
    assert all(hash_of(body) == digest for body, digest in bodies)
    assert intake.rows("SELECT count(*) FROM intake.vault") == [(0,)]
    assert files(tmp_path) == []
    assert intake.rows("SELECT count(*) FROM intake.idempotency_keys WHERE issue_id = %s", issue["issue_id"]) == [(0,)]
    assert issue["token"] not in dump(intake, "intake")
    assert (await statement(intake, issue["issue_id"], OFFICER)).status_code == 410
    assert (await contacts(intake, issue["issue_id"])).status_code == 410
    assert (await lookup(intake, issue["number"], PHONE[-4:])).status_code == 404
    assert (await intake.say(issue["token"], "withdrawal")).status_code == 404
    assert intake.rows("SELECT who FROM intake.audit WHERE action = 'erase_reporter'") == [("operator:test",)]


async def test_erasing_twice_appends_once(intake: Intake):
    issue = await canary(intake)
    for again in (False, True):
        assert (await intake.app.erasure.erase(issue["issue_id"], "reporter_asked", who="x")).again is again
    names = [event.name for event in await intake.stream(issue["issue_id"])]
    assert names.count("ReporterErased") == 1
    with pytest.raises(NoSuchIssue):
        await intake.app.erasure.erase("330182-20200101-0001", "reporter_asked", who="x")


async def test_a_restored_backup_erases_again(intake: Intake, tmp_path: Path):
    issue = await canary(intake)
    kept = {table: intake.rows(f"SELECT * FROM intake.{table}") for table in ("vault", "issues")}
    await intake.app.erasure.erase(issue["issue_id"], "reporter_asked", who="x")
    journal = tmp_path / "checkpoints" / "erasures.jsonl"
    (line,) = journal.read_bytes().split()
    assert set(orjson.loads(line)) == {"issue_id", "reason", "at"}
    intake.rows("DELETE FROM intake.issues RETURNING 1")
    for table, rows in reversed(kept.items()):
        for row in rows:
            intake.rows(f"INSERT INTO intake.{table} VALUES ({', '.join(['%s'] * len(row))}) RETURNING 1", *row)
    assert intake.rows("SELECT count(*) FROM intake.vault")[0][0] > 0
    with journal.open("ab") as file:
        file.write(b'{"issue_id": "half a l')
    (again,) = await intake.app.erasure.erase_again(who="x")
    assert again.issue_id == issue["issue_id"]
    assert intake.rows("SELECT count(*) FROM intake.vault") == [(0,)]
    assert await intake.app.erasure.erase_again(who="x") == ()


async def test_rotation_seals_everything_again_and_can_be_resumed(intake: Intake, tmp_path: Path):
    elsewhere = Rotation(intake.app.database, intake.app.vault, intake.app.files, FixedKeys(KeyRing.new()))
    with pytest.raises(NotOurs):
        elsewhere.begin()
    issue = await canary(intake)
    for _ in range(3):
        await intake.raised()
    keys = KeyFile(tmp_path / "secrets" / "vault.keys")
    rotation = Rotation(intake.app.database, intake.app.vault, intake.app.files, keys)
    assert rotation.begin() == "k2"
    started = await intake.raised()
    assert {key for (key,) in intake.rows("SELECT key_id FROM intake.vault WHERE issue_id = %s", started["issue_id"])} == {"k2"}
    with pytest.raises(StillInUse):
        await rotation.forget_old_keys()
    seen: list[tuple[int, int]] = []
    rows, sealed_files = await rotation.run(lambda done, total: seen.append((done, total)))
    assert (rows, sealed_files) == (13, 1)
    assert seen[0] == (0, 13)
    assert seen[-1] == (13, 13)
    assert intake.rows("SELECT DISTINCT key_id FROM intake.vault") == [("k2",)]
    assert await rotation.run(lambda done, total: None) == (0, 0)
    assert await rotation.forget_old_keys() == ("k1",)
    assert (await statement(intake, issue["issue_id"], CADRE)).json()["reporter"]["name"] == NAME
    assert (await lookup(intake, issue["number"], PHONE[-4:])).status_code == 200
    attachment_id = intake.rows("SELECT attachment_id FROM intake.attachments")[0][0]
    assert (await intake.http.get(f"{PATH}/{attachment_id}", headers=bearer(OFFICER))).status_code == 200
