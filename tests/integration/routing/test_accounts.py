"""Accounts: who may sign in, and who stands in the directory under the same name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from services.routing.accounts import AccountExists, Accounts, InvalidAccount, NoSuchAccount
from services.routing.domain.directory import Directory
from tests.integration.routing.staff_support import Services, client_of, services_on, token_of
from tests.support.servers import StackDatabase

VILLAGE, TOWNSHIP = "330182104228", "330182104000"
CADRE = {
    "officer_id": "new-cadre",
    "name": "龙泉村驻村干部二",
    "role": "cadre",
    "regions": VILLAGE,
    "units": f"{VILLAGE}/village_committee",
    "on_duty": "true",
    "email": "",
}


@pytest.fixture
async def services(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(stack_database, tmp_path, demo=False) as services:
        await services.seed()
        yield services


@pytest.fixture
def accounts(services: Services) -> Accounts:
    return services.staff.accounts


async def add(services: Services, password: str | None = "correct horse", **change: str) -> None:
    hashed = services.staff.passwords.hash(password) if password else None
    async with services.staff.database.transaction() as session:
        await services.staff.accounts.add(session, CADRE | change, hashed, by="cli:root")


async def directory_of(services: Services) -> Directory:
    async with services.staff.database.transaction() as session:
        return await services.staff.holder.fresh(session)


async def test_an_added_cadre_signs_in_and_is_seated(services: Services) -> None:
    await add(services)
    async with client_of(services) as client:
        await token_of(client, "new-cadre", "correct horse")
    seated = (await directory_of(services)).seat(VILLAGE, "village", "road", "hardship")
    assert seated.officer_id == "new-cadre"


async def test_an_administrator_signs_in_and_stands_in_no_directory(services: Services) -> None:
    await add(services, officer_id="boss", role="admin", name="时限管理岗", regions="", units="")
    async with client_of(services) as client:
        header = await token_of(client, "boss", "correct horse")
        assert (await client.get("/api/routing/v1/directory/units", headers=header)).status_code == 200
    assert (await directory_of(services)).officers == {}


async def test_a_disabled_account_neither_signs_in_nor_is_seated_until_enabled(services: Services, accounts: Accounts) -> None:
    await add(services)
    async with services.staff.database.transaction() as session:
        await accounts.disable(session, "new-cadre", by="cli:root")
    assert (await directory_of(services)).officers == {}
    async with client_of(services) as client:
        refused = await client.post("/api/routing/v1/sessions", json={"username": "new-cadre", "password": "correct horse"})
        assert refused.status_code == 401
        async with services.staff.database.transaction() as session:
            await accounts.enable(session, "new-cadre", by="cli:root")
        await token_of(client, "new-cadre", "correct horse")
    assert list((await directory_of(services)).officers) == ["new-cadre"]


async def test_a_changed_password_replaces_the_former(services: Services, accounts: Accounts) -> None:
    await add(services)
    async with services.staff.database.transaction() as session:
        await accounts.set_password(session, "new-cadre", services.staff.passwords.hash("battery staple"), by="cli:root")
    async with client_of(services) as client:
        await token_of(client, "new-cadre", "battery staple")
        former = await client.post("/api/routing/v1/sessions", json={"username": "new-cadre", "password": "correct horse"})
    assert former.status_code == 401


async def test_a_taken_name_is_refused_and_nothing_changes(services: Services) -> None:
    await add(services)
    with pytest.raises(AccountExists):
        await add(services, name="另一人")
    assert (await directory_of(services)).officers["new-cadre"].name == CADRE["name"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"role": "mayor"}, ("role", "unknown_role")),
        ({"regions": ""}, ("regions", "required")),
        ({"regions": "330182999999"}, ("regions", "unknown_region")),
        ({"units": f"{TOWNSHIP}/construction"}, ("units", "outside_regions")),
    ],
)
async def test_a_wrong_account_is_refused_field_by_field(services: Services, change: dict[str, str], found: tuple[str, str]) -> None:
    with pytest.raises(InvalidAccount) as refused:
        await add(services, password=None, **change)
    assert refused.value.found == [found]


async def test_an_unknown_account_cannot_be_changed(services: Services, accounts: Accounts) -> None:
    for change in (accounts.disable, accounts.enable):
        with pytest.raises(NoSuchAccount):
            async with services.staff.database.transaction() as session:
                await change(session, "nobody", by="cli:root")
    with pytest.raises(NoSuchAccount):
        async with services.staff.database.transaction() as session:
            await accounts.set_password(session, "nobody", "hash", by="cli:root")


async def test_every_change_is_audited_without_a_password(services: Services, accounts: Accounts) -> None:
    await add(services)
    async with services.staff.database.transaction() as session:
        await accounts.set_password(session, "new-cadre", services.staff.passwords.hash("battery staple"), by="cli:li")
        await accounts.disable(session, "new-cadre", by="cli:li")
        rows = (await session.execute(text("SELECT who, action, after::text AS after FROM audit ORDER BY at"))).all()
    assert [(row.who, row.action) for row in rows] == [
        ("cli:root", "add_account"),
        ("cli:li", "set_password"),
        ("cli:li", "disable_account"),
    ]
    assert all("new-cadre" in row.after and "argon2" not in row.after for row in rows)


async def test_passwords_are_stored_as_argon2id_only(services: Services) -> None:
    await add(services)
    async with services.staff.database.transaction() as session:
        stored = (await session.execute(text("SELECT password_hash FROM accounts"))).scalar_one()
    assert stored.startswith("$argon2id$")


async def test_without_the_demo_there_are_no_accounts(services: Services) -> None:
    async with services.staff.database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM accounts"))).scalar_one() == 0
