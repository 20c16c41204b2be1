"""Everything about staff in one piece, for `bootstrap`: the directory, accounts, sign-in and its keys. Builds no connection."""

from dataclasses import dataclass
from pathlib import Path

from services.routing.accounts import Accounts
from services.routing.browser_sessions import BrowserSessions
from services.routing.directory import DirectoryHolder
from services.routing.directory_imports import DirectoryImports
from services.routing.passwords import Passwords
from services.routing.seed import seed
from services.routing.sign_in import SignIn
from services.routing.signing_keys import KeyRing
from shared.clock import Clock
from shared.database import Database
from shared.eventlog import EventLog
from shared.regions import Regions
from shared.settings import CommonSettings


@dataclass(frozen=True, slots=True)
class Staff:
    """Handlers of the directory and of accounts.

    Args:
        database: routing's.
        holder: the directory in memory.
        imports: changes of the directory.
        accounts: changes of accounts.
        passwords: checks and makes hashes.
        keys: sign and verify tokens.
        sign_in: turns name and password into a token.
        browsers: who is signed in on the pages.
    """

    database: Database
    holder: DirectoryHolder
    imports: DirectoryImports
    accounts: Accounts
    passwords: Passwords
    keys: KeyRing
    sign_in: SignIn
    browsers: BrowserSessions


def build_staff(settings: CommonSettings, database: Database, log: EventLog, regions: Regions, clock: Clock) -> Staff:
    """The handlers over what `bootstrap` has built. Makes the first signing key where there is none."""
    holder = DirectoryHolder(log, regions)
    passwords = Passwords()
    keys = key_ring(settings.secrets_dir)
    keys.ensure()
    sign_in = SignIn(database, clock, keys, passwords, issuer=settings.issuer, audience=settings.audience, demo=settings.demo)
    return Staff(
        database=database,
        holder=holder,
        imports=DirectoryImports(log, holder, regions, clock),
        accounts=Accounts(log, holder, regions, clock),
        passwords=passwords,
        keys=keys,
        sign_in=sign_in,
        browsers=BrowserSessions(database, clock, sign_in),
    )


async def seed_staff(settings: CommonSettings, staff: Staff, log: EventLog, regions: Regions, clock: Clock) -> None:
    """Publish the first directory, and the demo's accounts on a demo. Topics and units stand beside the regions file."""
    folder = settings.regions_file.parent
    await seed(staff.database, log, staff.holder, regions, clock, folder=folder, demo=staff.passwords if settings.demo else None)


def key_ring(secrets: Path) -> KeyRing:
    """The signing keys of a deployment whose secrets are in this folder."""
    return KeyRing(secrets / "jwt")
