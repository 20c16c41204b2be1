"""Who a reporter is, asked of intake at the moment of sending and never kept (decision 6)."""

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from services.notify.domain.addresses import Contact
from services.notify.domain.notice import Language

_NOBODY = (404, 410)
"""Anonymous, erased, or no such issue: nobody to tell."""


class ContactsUnavailable(Exception):
    """Intake did not answer, or not as agreed. The notice waits; this says nothing against the reporter's address."""


class _Answer(BaseModel):
    """Intake's answer; another language than ours counts as Chinese."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    tracking_url: str


class Contacts:
    """Intake's internal endpoint for contacts.

    Args:
        client: HTTP client with a time-out.
        url: intake's own address, without a slash at the end.
        token: bearer that intake and notify share.
    """

    def __init__(self, client: httpx.AsyncClient, *, url: str, token: SecretStr) -> None:
        self._client = client
        self._url = f"{url}/internal/v1/contacts"
        self._token = token

    async def of(self, issue_id: str) -> Contact | None:
        """The reporter of an issue, or None where there is nobody to tell. Raises `ContactsUnavailable`: try again later."""
        headers = {"authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            answer = await self._client.post(self._url, json={"issue_id": issue_id}, headers=headers)
        except httpx.HTTPError as error:
            raise ContactsUnavailable(type(error).__name__) from None
        if answer.status_code in _NOBODY:
            return None
        if answer.status_code != 200:
            raise ContactsUnavailable(f"status {answer.status_code}")
        try:
            contact = _Answer.model_validate_json(answer.content)
        except ValidationError:
            raise ContactsUnavailable("unreadable answer") from None
        language: Language = "en" if (contact.language or "").lower().startswith("en") else "zh-CN"
        return Contact(contact.name, contact.phone, contact.email, language, contact.tracking_url)
