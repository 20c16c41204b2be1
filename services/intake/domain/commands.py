"""What reporters and staff may ask of intake. Strict models: a wrong type or an unknown field is refused, never converted."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

from shared.contracts.values import Category, Channel, Priority, RatingValue
from shared.personal_data import contains_personal_data

Language = Literal["zh-CN", "en"]

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and marks that turn the order of what follows them: neither belongs in a title or a name."""


def _line(text: str) -> str:
    if _NOT_IN_A_LINE.search(text):
        raise PydanticCustomError("text_control", "control characters")
    return text


def _published(text: str) -> str:
    if contains_personal_data(text):
        raise PydanticCustomError("personal_data_in_text", "personal data")
    return text


def _rfc3339(value: object) -> object:
    """Pydantic would also take digits for seconds since 1970."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise PydanticCustomError("instant_expected", "RFC 3339 with offset")
    return value


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_line)]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_line), AfterValidator(_published)
]
Result = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_line), AfterValidator(_published)
]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
"""What a reporter says of a resolution: kept in the vault."""
Instant = Annotated[AwareDatetime, Strict(False), BeforeValidator(_rfc3339)]


class Command(BaseModel):
    """Base of every command; each is the body of a request as it stands in contract.md."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Reporter(Command):
    """Who raises the issue: personal data, kept in the vault alone."""

    name: Name
    phone: Annotated[str, Field(pattern=r"^\+?[0-9](?:[ -]?[0-9]){5,14}$")]
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f,;<>]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")] | None = None
    language: Language = "zh-CN"


class Location(Command):
    """Where it is, WGS 84 degrees: kept in the vault."""

    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class OnTheSpot(Command):
    """Answered while it was received. A plan, a referral or a rejection needs more than a conversation, so it cannot be one."""

    outcome: Literal["solved", "explained"]
    result: Result


class Matter(Command):
    """Where and what, as far as everybody may read it: enough to find what is alike."""

    village_code: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    category: Category
    topic: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    title: Title


class RaiseIssue(Matter):
    """A matter that somebody brings. `attachments` are receipts of earlier uploads; see contract.md for the other fields."""

    channel: Channel = "web"
    narrative: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    priority: Priority = "routine"
    reporter: Reporter | None = None
    anonymous: bool = False
    first_receiver: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    location: Location | None = None
    occurred_at: Instant | None = None
    attachments: Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=9)] = ()
    resolved_on_the_spot: OnTheSpot | None = None
    labels: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")], ...], Field(max_length=10)] = ()


class Rate(Command):
    """How the reporter finds the resolution."""

    rating: RatingValue
    comment: Words | None = None


class Withdraw(Command):
    """The reporter does not want the matter followed any longer."""

    reason: Words | None = None


class Reopen(Command):
    """The reporter says that the resolution did not hold."""

    reason: Words


class LookUp(Command):
    """A reporter who lost the link: the issue's number and the last four digits of the phone that was left."""

    number: Annotated[str, Field(pattern=r"^[0-9]{6}-[0-9]{8}-[0-9]{4,10}$")]
    phone_last4: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
