"""The directory as events: seeded once, read from the log, changed by administrators."""

import asyncio
from pathlib import Path

import httpx
import jwt
import pytest
from sqlalchemy import text

from services.routing.directory import MAX_EVENT_BYTES, TOPICS, DirectoryHolder, publish
from services.routing.domain.directory import Directory
from shared.contracts.values import Unit
from shared.ids import new_id
from tests.integration.routing.staff_support import Services, services_on, token_of
from tests.support.servers import StackDatabase

VILLAGE, TOWNSHIP, COUNTY, OTHER_COUNTY = "330182104228", "330182104000", "330182000000", "330523000000"
IMPORTS = "/api/routing/v1/directory/imports"
OFFICERS = "officer_id,name,role,regions,units,on_duty,email\n"


async def directory_of(services: Services) -> Directory:
    async with services.staff.database.transaction() as session:
        return await DirectoryHolder(services.log, services.regions).fresh(session)


async def count(services: Services, table: str) -> int:
    async with services.staff.database.transaction() as session:
        return (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def upload(
    client: httpx.AsyncClient, headers: dict[str, str], kind: str, body: str | bytes, *, dry_run: bool = False, key: str | None = None
) -> httpx.Response:
    sent = headers | {"Content-Type": "text/csv; charset=utf-8", "Idempotency-Key": key or new_id()}
    return await client.post(IMPORTS, params={"kind": kind, "dry_run": dry_run}, content=body, headers=sent)


async def test_the_first_start_gives_every_place_its_units_and_posts(services: Services) -> None:
    directory = await directory_of(services)
    assert len(directory.topics) == 30
    assert sum(unit.region == TOWNSHIP for unit in directory.units.values()) == 9
    assert sum(unit.region == COUNTY for unit in directory.units.values()) == 18
    assert f"{VILLAGE}/village_committee" in directory.units
    assert directory.officers[f"cadre-{VILLAGE}"].name == "龙泉村驻村干部"
    assert len(directory.officers[f"officer-{TOWNSHIP}"].units) == 9
    assert directory.seat(VILLAGE, "village", "road", "hardship").officer_id == f"cadre-{VILLAGE}"
    assert directory.seat(VILLAGE, "township", "road", "hardship").officer_id == f"officer-{TOWNSHIP}"
    assert directory.seat(VILLAGE, "county", "road", "hardship").officer_id == f"officer-{COUNTY}"
    dispatcher, supervisor = directory.dispatcher(VILLAGE, "village"), directory.supervisor(VILLAGE)
    assert dispatcher is not None
    assert supervisor is not None
    assert (dispatcher.officer_id, dispatcher.unit) == (f"dispatcher-{TOWNSHIP}", f"{TOWNSHIP}/service_hall")
    assert supervisor.officer_id == f"supervisor-{COUNTY}"
    assert not {"admin", "admin2", "operator", "auditor"} & directory.officers.keys()


async def test_a_second_start_changes_nothing(services: Services) -> None:
    before = await count(services, "log.events"), await count(services, "accounts")
    await services.seed()
    assert (await count(services, "log.events"), await count(services, "accounts")) == before


async def test_replicas_that_start_together_seed_once(stack_database: StackDatabase, tmp_path: Path) -> None:
    async with services_on(stack_database, tmp_path) as one, services_on(stack_database, tmp_path) as other:
        await asyncio.gather(one.seed(), other.seed())
        async with one.staff.database.transaction() as session:
            rows = (await session.execute(text("SELECT stream, count(*) AS events FROM log.events GROUP BY stream"))).all()
        assert {row.stream: row.events for row in rows} == {TOPICS: 1, "directory-330182": 2, "directory-330523": 2}
        assert (await directory_of(one)).officers == (await directory_of(other)).officers


async def test_one_hash_is_stored_for_all_demo_accounts(services: Services) -> None:
    async with services.staff.database.transaction() as session:
        hashes = (await session.execute(text("SELECT DISTINCT password_hash FROM accounts"))).scalars().all()
    assert len(hashes) == 1


async def test_events_stay_small(services: Services) -> None:
    units = [Unit(unit_id=f"{TOWNSHIP}/u{n}", region=TOWNSHIP, code=f"u{n}", zh="单" * 80, en="u" * 80) for n in range(1500)]
    async with services.staff.database.transaction() as session:
        now = await services.clock.now(session)
        await publish(session, services.log, units, by="admin", now=now, correlation_id="c")
    async with services.staff.database.transaction() as session:
        sizes = (await session.execute(text("SELECT octet_length(body) FROM log.events"))).scalars().all()
    assert max(sizes) < MAX_EVENT_BYTES * 1.1
    assert {unit.unit_id for unit in units} <= (await directory_of(services)).units.keys()


async def test_a_holder_follows_the_log_and_reads_only_what_moved(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = DirectoryHolder(services.log, services.regions)
    read: list[str] = []
    real = services.log.load

    async def noted(session: object, stream: str) -> object:
        read.append(stream)
        return await real(session, stream)  # pyright: ignore[reportArgumentType]

    async with services.staff.database.transaction() as session:
        await holder.fresh(session)
    changed = await client.patch(f"/api/routing/v1/directory/officers/cadre-{VILLAGE}", json={"on_duty": False}, headers=admin)
    assert changed.status_code == 200
    monkeypatch.setattr(services.log, "load", noted)
    async with services.staff.database.transaction() as session:
        assert (await holder.fresh(session)).officers[f"cadre-{VILLAGE}"].on_duty is False
        await holder.fresh(session)
    assert read == ["directory-330182"]
    assert holder.current.seat(VILLAGE, "village", "road", "hardship").officer_id == f"dispatcher-{TOWNSHIP}"


async def test_imported_officers_are_seated_and_sign_in_once_they_have_a_password(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    row = f"a-builder,梅城镇建设岗,officer,{TOWNSHIP},{TOWNSHIP}/construction,true,\n"
    answer = await upload(client, admin, "officers", OFFICERS + row)
    assert answer.status_code == 200
    assert (answer.json()["added"], answer.json()["errors"]) == (1, [])
    assert (await directory_of(services)).seat(VILLAGE, "township", "road", "hardship").officer_id == "a-builder"
    async with services.staff.database.transaction() as session:
        await services.staff.accounts.set_password(session, "a-builder", services.staff.passwords.hash("correct horse"), by="cli:root")
    await token_of(client, "a-builder", "correct horse")


async def test_an_import_moves_an_officer_to_another_county(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    row = f"officer-{COUNTY},安吉县经办岗,officer,{OTHER_COUNTY},{OTHER_COUNTY}/transport,true,\n"
    assert (await upload(client, admin, "officers", OFFICERS + row)).json()["changed"] == 1
    directory = await directory_of(services)
    assert directory.officers[f"officer-{COUNTY}"].regions == (OTHER_COUNTY,)
    assert directory.seat(VILLAGE, "county", "road", "hardship").officer_id == f"dispatcher-{COUNTY}"
    token = (await token_of(client, f"officer-{COUNTY}"))["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, options={"verify_signature": False})["regions"] == [OTHER_COUNTY]


async def test_a_dry_run_tells_and_changes_nothing(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    events = await count(services, "log.events")
    good = f"region,code,zh,en\n{TOWNSHIP},forestry,林业站,Forestry station\n"
    bad = good + f"{VILLAGE},forestry,林业站,Forestry station\n"
    assert (await upload(client, admin, "units", good, dry_run=True)).json()["added"] == 1
    told = await upload(client, admin | {"Accept-Language": "en"}, "units", bad, dry_run=True)
    assert told.status_code == 200
    assert told.json()["errors"] == [
        {
            "pointer": "/rows/3/code",
            "code": "row_unit_of_village",
            "detail": "must be village_committee in a village, and nowhere else",
        }
    ]
    assert await count(services, "log.events") == events


async def test_a_file_with_one_wrong_row_is_refused_whole(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    events = await count(services, "log.events")
    refused = await upload(client, admin, "units", f"region,code,zh,en\n{TOWNSHIP},forestry,林业站,Forestry\n{TOWNSHIP},x!,x,x\n")
    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/rows/3/code", "row_malformed")]
    assert await count(services, "log.events") == events


async def test_names_of_administrators_and_of_disabled_accounts_cannot_be_taken(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    async with services.staff.database.transaction() as session:
        await services.staff.accounts.disable(session, f"cadre-{VILLAGE}", by="cli:root")
    rows = f"auditor,x,officer,{TOWNSHIP},,true,\ncadre-{VILLAGE},x,cadre,{VILLAGE},,true,\n"
    refused = await upload(client, admin, "officers", OFFICERS + rows)
    assert refused.status_code == 422
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/rows/2/officer_id", "row_name_taken"),
        ("/rows/3/officer_id", "row_name_taken"),
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_files_as_spreadsheets_in_china_save_them_are_read(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str], encoding: str
) -> None:
    answer = await upload(client, admin, "units", f"region,code,zh,en\r\n{TOWNSHIP},forestry,林业站,Forestry\r\n".encode(encoding))
    assert answer.json()["added"] == 1
    assert (await directory_of(services)).units[f"{TOWNSHIP}/forestry"].zh == "林业站"


async def test_an_import_is_done_once_per_key(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = f"region,code,zh,en\n{TOWNSHIP},forestry,林业站,Forestry\n"
    first, again = [await upload(client, admin, "units", body, key="k1") for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (await upload(client, admin, "units", body + "\n", key="k1")).status_code == 422
    without = await client.post(IMPORTS, params={"kind": "units"}, content=body, headers=admin | {"Content-Type": "text/csv"})
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_required")


async def test_other_media_types_and_kinds_are_refused(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    headers = admin | {"Idempotency-Key": "k"}
    assert (await client.post(IMPORTS, params={"kind": "units"}, json={}, headers=headers)).status_code == 415
    assert (await upload(client, admin, "accounts", "x\n")).status_code == 422


async def test_only_administrators_see_and_change_the_directory(client: httpx.AsyncClient) -> None:
    base = "/api/routing/v1/directory"
    for who in (f"cadre-{VILLAGE}", f"officer-{COUNTY}", f"dispatcher-{TOWNSHIP}", f"supervisor-{COUNTY}", "operator", "auditor"):
        header = await token_of(client, who)
        answers = [
            await client.get(f"{base}/topics", headers=header),
            await client.get(f"{base}/units", headers=header),
            await client.get(f"{base}/officers", headers=header),
            await client.patch(f"{base}/officers/cadre-{VILLAGE}", json={"on_duty": False}, headers=header),
            await client.post(IMPORTS, params={"kind": "nonsense"}, content="", headers=header),
        ]
        assert [answer.status_code for answer in answers] == [403] * 5, who


async def test_without_a_token_nothing_is_shown(client: httpx.AsyncClient) -> None:
    for path in ("topics", "units", "directory/topics", "directory/units", "directory/officers"):
        assert (await client.get(f"/api/routing/v1/{path}")).status_code == 401
    assert (await client.post(IMPORTS, params={"kind": "units"}, content="")).status_code == 401


async def test_staff_reads_topics_and_units_for_forms(client: httpx.AsyncClient) -> None:
    header = await token_of(client, f"cadre-{VILLAGE}")
    assert len((await client.get("/api/routing/v1/topics", headers=header)).json()["items"]) == 30
    page = (await client.get("/api/routing/v1/units", params={"region": TOWNSHIP, "limit": 4}, headers=header)).json()
    assert [item["region"] for item in page["items"]] == [TOWNSHIP] * 4
    seen = {item["unit_id"] for item in page["items"]}
    while page["next"]:
        page = (
            await client.get("/api/routing/v1/units", params={"region": TOWNSHIP, "limit": 4, "after": page["next"]}, headers=header)
        ).json()
        assert not seen & {item["unit_id"] for item in page["items"]}
        seen |= {item["unit_id"] for item in page["items"]}
    villages = sum(unit.startswith(TOWNSHIP[:9]) and unit.endswith("/village_committee") for unit in seen)
    assert len(seen) - villages == 9
    assert (await client.get("/api/routing/v1/units?region=1", headers=header)).status_code == 422


async def test_officers_are_listed_by_region(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    found = (await client.get("/api/routing/v1/directory/officers", params={"region": VILLAGE}, headers=admin)).json()
    assert [officer["officer_id"] for officer in found["items"]] == [f"cadre-{VILLAGE}"]
    assert found["next"] is None


async def test_an_administrator_of_one_county_changes_no_other(services: Services, client: httpx.AsyncClient) -> None:
    async with services.staff.database.transaction() as session:
        await session.execute(text("UPDATE accounts SET regions = ARRAY['330182000000'] WHERE username = 'admin2'"))
    header = await token_of(client, "admin2")
    foreign = f"region,code,zh,en\n{OTHER_COUNTY},forestry,林业局,Forestry\n"
    assert (await upload(client, header, "units", foreign)).status_code == 403
    topic = "code,zh,en,township_unit,county_unit,board\nwells,水井,Wells,agriculture,water,full\n"
    assert (await upload(client, header, "topics", topic)).status_code == 403
    assert (await upload(client, header, "units", foreign.replace(OTHER_COUNTY, COUNTY))).status_code == 200
    base = "/api/routing/v1/directory"
    elsewhere = await client.patch(f"{base}/officers/officer-{OTHER_COUNTY}", json={"on_duty": False}, headers=header)
    assert elsewhere.status_code == 404
    officers = (await client.get(f"{base}/officers", params={"limit": 1000}, headers=header)).json()["items"]
    assert {officer["regions"][0][:6] for officer in officers} == {"330182"}


async def test_each_change_and_each_refusal_has_one_audit_entry(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    path = "/api/routing/v1/directory/officers"
    await client.patch(f"{path}/cadre-{VILLAGE}", json={"on_duty": False}, headers=admin)
    await client.patch(f"{path}/nobody", json={"on_duty": False}, headers=admin)
    await upload(client, admin, "units", f"region,code,zh,en\n{TOWNSHIP},forestry,林业站,Forestry\n")
    await upload(client, admin, "units", "nonsense")
    async with services.staff.database.transaction() as session:
        rows = (await session.execute(text("SELECT who, action, result FROM audit WHERE action <> 'sign_in' ORDER BY at"))).all()
    assert [tuple(row) for row in rows] == [
        ("admin", "set_on_duty", "ok"),
        ("admin", "administer_directory", "not_found"),
        ("admin", "import_directory", "ok"),
        ("admin", "administer_directory", "invalid_request"),
    ]


async def test_only_routing_can_say_that_the_directory_changed(services: Services) -> None:
    async with services.staff.database.transaction() as session:
        types = (await session.execute(text("SELECT DISTINCT type, recorded_by FROM log.events"))).all()
    assert [tuple(row) for row in types] == [("huiyin.directory.DirectoryChanged.v1", "routing")]
