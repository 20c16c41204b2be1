"""Accounts of staff: added, disabled, given a password. Whoever can handle issues stands in the directory under the same name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.directory import DirectoryHolder, publish
from services.routing.domain.directory_rows import LEVELS_OF_ROLE, Found, check_account, officer_from
from services.routing.tables import Account
from shared.audit import Entry, record
from shared.clock import Clock
from shared.contracts.values import Officer
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.regions import Regions


class AccountExists(ValueError):
    """The name is taken, by an active account or a disabled one."""


class NoSuchAccount(LookupError):
    """No account has this name."""


class InvalidAccount(ValueError):
    """What was given describes no account; `found` says which fields are wrong, and how."""

    def __init__(self, found: Found) -> None:
        super().__init__("; ".join(f"{column}: {problem}" for column, problem in found))
        self.found = found


@dataclass(frozen=True, slots=True)
class Accounts:
    """Changes accounts, and the directory with them, in the caller's transaction. Each change is audited.

    Args:
        log: routing's.
        holder: the directory, to check units against.
        regions: the regions of this deployment.
        clock: dates the changes.
    """

    log: EventLog
    holder: DirectoryHolder
    regions: Regions
    clock: Clock

    async def add(self, session: AsyncSession, cells: Mapping[str, str], password_hash: str | None, *, by: str) -> None:
        """A new account.

        Args:
            session: the transaction.
            cells: the columns of an officer's row (`directory_rows.COLUMNS`), as texts.
            password_hash: None for an account that only an external OpenID provider vouches for.
            by: who adds it.

        Raises:
            InvalidAccount: naming every field that is wrong.
            AccountExists: the name is taken.
        """
        found = check_account(cells, await self.holder.fresh(session), self.regions)
        if found:
            raise InvalidAccount(found)
        officer = officer_from(cells)
        now = await self.clock.now(session)
        values = _values(officer, now) | {"created_at": now, "password_hash": password_hash}
        added = insert(Account).values(values).on_conflict_do_nothing().returning(col(Account.username))
        if (await session.execute(added)).first() is None:
            raise AccountExists(officer.officer_id)
        await self._publish(session, [officer] if officer.role in LEVELS_OF_ROLE else [], now=now, by=by)
        await record(session, Entry(action="add_account", who=by, after=_shown(officer)))

    async def disable(self, session: AsyncSession, username: str, *, by: str) -> None:
        """No sign-in any more, and no issue. Tokens that were given out end within 15 minutes. Raises `NoSuchAccount`."""
        now = await self._set_active(session, username, active=False)
        standing = (await self.holder.fresh(session)).officers.get(username)
        if standing:
            await self._publish(session, removed=[standing], now=now, by=by)
        await record(session, Entry(action="disable_account", who=by, after={"account": username}))

    async def enable(self, session: AsyncSession, username: str, *, by: str) -> None:
        """Sign-in and post as before `disable`. Raises `NoSuchAccount`."""
        now = await self._set_active(session, username, active=True)
        account = await session.get_one(Account, username)
        if account.role in LEVELS_OF_ROLE:
            await self._publish(session, [officer_of(account)], now=now, by=by)
        await record(session, Entry(action="enable_account", who=by, after={"account": username}))

    async def set_password(self, session: AsyncSession, username: str, password_hash: str, *, by: str) -> None:
        """Another password from now on. Raises `NoSuchAccount`."""
        now = await self.clock.now(session)
        await _update(session, username, password_hash=password_hash, changed_at=now)
        await record(session, Entry(action="set_password", who=by, after={"account": username}))

    async def listed(self, session: AsyncSession) -> Sequence[Account]:
        """All accounts by name."""
        return (await session.execute(select(Account).order_by(col(Account.username)))).scalars().all()

    async def _set_active(self, session: AsyncSession, username: str, *, active: bool) -> datetime:
        now = await self.clock.now(session)
        await _update(session, username, active=active, changed_at=now)
        return now

    async def _publish(
        self, session: AsyncSession, officers: Iterable[Officer] = (), *, removed: Iterable[Officer] = (), now: datetime, by: str
    ) -> None:
        await publish(session, self.log, officers, removed=removed, by=by, now=now, correlation_id=new_id())


async def names(session: AsyncSession) -> frozenset[str]:
    """The names of all accounts, also of disabled ones."""
    return frozenset((await session.execute(select(col(Account.username)))).scalars())


async def enrol(session: AsyncSession, officers: Sequence[Officer], now: datetime, *, password_hash: str | None = None) -> None:
    """Make accounts for those of `officers` that have none; the others are left as they are."""
    rows = [_values(officer, now) | {"created_at": now, "password_hash": password_hash} for officer in officers]
    if rows:
        await session.execute(insert(Account).on_conflict_do_nothing(), rows)


async def update_posts(session: AsyncSession, officers: Sequence[Officer], now: datetime) -> None:
    """Take names, roles, regions and units of existing accounts over from the directory: tokens are made from accounts."""
    for officer in officers:
        await session.execute(update(Account).where(col(Account.username) == officer.officer_id).values(_values(officer, now)))


async def retire(session: AsyncSession, names: Iterable[str], now: datetime) -> None:
    """No sign-in any more for those whom the directory no longer has, as after `disable`."""
    left = col(Account.username).in_(list(names))
    await session.execute(update(Account).where(left).values(active=False, changed_at=now))


async def taken(session: AsyncSession, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that cannot be officers: accounts of other roles, and disabled ones."""
    free = col(Account.role).in_(LEVELS_OF_ROLE) & col(Account.active)
    query = select(col(Account.username)).where(col(Account.username).in_(list(names)), ~free)
    return frozenset((await session.execute(query)).scalars())


def officer_of(account: Account) -> Officer:
    """The entry of an account in the directory, on duty."""
    return Officer(
        officer_id=account.username,
        name=account.name,
        role=account.role,
        regions=tuple(account.regions),
        units=tuple(account.units),
        email=account.email,
    )


async def _update(session: AsyncSession, username: str, **values: object) -> None:
    changed = update(Account).where(col(Account.username) == username).values(values).returning(col(Account.username))
    if (await session.execute(changed)).first() is None:
        raise NoSuchAccount(username)


def _values(officer: Officer, now: datetime) -> dict[str, object]:
    return {
        "username": officer.officer_id,
        "name": officer.name,
        "role": officer.role,
        "regions": list(officer.regions),
        "units": list(officer.units),
        "email": officer.email,
        "active": True,
        "changed_at": now,
    }


def _shown(officer: Officer) -> dict[str, object]:
    return {"account": officer.officer_id, "role": officer.role, "regions": list(officer.regions), "units": list(officer.units)}
