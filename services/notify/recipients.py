"""Who a recipient key stands for at the moment of sending, by which ways they are reached, and in which language."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.contacts import Contacts
from services.notify.domain.addresses import Way, mail, mask_mail, salutation
from services.notify.domain.notice import Language
from services.notify.tables import OfficerRow
from shared.contracts.notify import NoticeChannel


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
        contacts: the reporters.
        channels: names of the channels that this deployment has.
        apprise_urls: officer_id or unit_id → apprise URL.
        staff_language: language of staff notices.
    """

    def __init__(
        self,
        *,
        contacts: Contacts,
        channels: frozenset[NoticeChannel],
        apprise_urls: Mapping[str, SecretStr],
        staff_language: Language,
    ) -> None:
        self._contacts = contacts
        self._channels = channels
        self._apprise_urls = apprise_urls
        self._staff_language: Language = staff_language

    async def reporter(self, issue_id: str) -> Reach | None:
        """How to reach the reporter of an issue; None where there is nobody. Raises `ContactsUnavailable`."""
        contact = await self._contacts.of(issue_id)
        if contact is None:
            return None
        name = salutation(contact.name, contact.language)
        return Reach(self._possible(contact.ways()), contact.language, name, contact.tracking_url)

    async def staff(self, session: AsyncSession, recipients: Collection[str]) -> dict[str, Reach]:
        """How to reach each recipient of `officer:` or `role:`; those behind whom nobody stands are left out."""
        known = await repository.officers_by_id(session, [key for kind, key in map(_parted, recipients) if kind == "officer"])
        found: dict[str, Reach] = {}
        for recipient in recipients:
            kind, key = _parted(recipient)
            if kind == "officer":
                officers = [known[key]] if key in known else []
            else:
                role, _, region = key.partition("@")
                officers = list(await repository.officers_by_role(session, role, region))
            if officers:
                found[recipient] = Reach(self._possible(self._ways_to(officers)), self._staff_language)
        return found

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


def _parted(recipient: str) -> tuple[str, str]:
    kind, _, key = recipient.partition(":")
    return kind, key
