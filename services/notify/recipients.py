"""Who a recipient key stands for at the moment of sending, by which ways they are reached, and in which language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.contacts import Contacts
from services.notify.domain.addresses import Way, mail, mask_mail, salutation
from services.notify.domain.notice import REPORTER, Language
from services.notify.tables import NoticeRow, OfficerRow
from shared.contracts.notify import NoticeChannel
from shared.database import Database


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach a recipient: ways in order of preference. `name` and `link` are for the text to a reporter."""

    ways: tuple[Way, ...]
    language: Language
    name: str = field(default="", repr=False)
    link: str = field(default="", repr=False)


class Recipients:
    """Looks recipients up.

    Args:
        database: the officers.
        contacts: the reporters.
        channels: names of the channels that this deployment has.
        apprise_urls: officer_id or unit_id → apprise URL.
        staff_language: language of staff notices.
    """

    def __init__(
        self,
        *,
        database: Database,
        contacts: Contacts,
        channels: frozenset[NoticeChannel],
        apprise_urls: Mapping[str, SecretStr],
        staff_language: Language,
    ) -> None:
        self._database = database
        self._contacts = contacts
        self._channels = channels
        self._apprise_urls = apprise_urls
        self._staff_language: Language = staff_language

    async def reach(self, notice: NoticeRow) -> Reach | None:
        """How to reach the notice's recipient; None where there is nobody. Raises `ContactsUnavailable`."""
        if notice.recipient == REPORTER:
            contact = await self._contacts.of(notice.issue_id or "")
            if contact is None:
                return None
            name = salutation(contact.name, contact.language)
            return Reach(self._possible(contact.ways()), contact.language, name, contact.tracking_url)
        async with self._database.transaction() as session:
            officers = await self._officers(session, notice.recipient)
        return Reach(self._possible(self._ways_to(officers)), self._staff_language) if officers else None

    async def _officers(self, session: AsyncSession, recipient: str) -> list[OfficerRow]:
        kind, _, key = recipient.partition(":")
        if kind == "officer":
            return list(await repository.officers_by_id(session, key))
        role, _, region = key.partition("@")
        return list(await repository.officers_by_role(session, role, region))

    def _ways_to(self, officers: list[OfficerRow]) -> tuple[Way, ...]:
        """A chat robot first, for it is seen at once; then mail. Several officers of a role get one message together."""
        keys = [key for officer in officers for key in (officer.officer_id, *officer.units)]
        robots = tuple(dict.fromkeys(self._apprise_urls[key].get_secret_value() for key in keys if key in self._apprise_urls))
        mails = tuple(dict.fromkeys(address for officer in officers if (address := mail(officer.email))))
        ways: list[Way] = []
        if robots:
            ways.append(Way("apprise", robots, ", ".join(robot.partition("://")[0] for robot in robots)))
        if mails:
            ways.append(Way("email", mails, ", ".join(mask_mail(address) for address in mails)))
        return tuple(ways)

    def _possible(self, ways: tuple[Way, ...]) -> tuple[Way, ...]:
        return tuple(way for way in ways if way.channel in self._channels)
