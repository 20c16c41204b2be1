"""notify's variables, besides those of `CommonSettings`."""

from datetime import timedelta

from pydantic import Field, SecretStr

from services.notify.domain.notice import Language
from shared.settings import CommonSettings

_DELAYS = (60.0, 300.0, 900.0, 3600.0)
"""Five tries within an hour and a half: longer than a gateway's restart, short enough that a visit is not late."""

_DEMO_DELAYS = (0.5, 1.0, 2.0, 4.0)
"""In the demo a failure shows while one watches."""


class Settings(CommonSettings):
    """What notify is told from outside."""

    sms_url: str | None = None
    """Where messages are posted; without it nobody gets an SMS."""
    sms_secret: SecretStr | None = None
    """Signs our requests and the gateway's receipts: `whsec_<base64>`, or any text."""
    sms_provider: str = Field(default="sms", pattern=r"^[a-z0-9_-]{1,32}$")
    """Last part of the receipts' path; only this provider's receipts are taken."""
    smtp_url: SecretStr | None = None
    """`smtp://[user:password@]host[:port]` or `smtps://…`; without it nobody gets a mail."""
    mail_from: str = "huiyin@huiyin.invalid"
    """Sender of every mail; its domain is in the Message-ID. The default never accepts a reply (RFC 2606)."""
    apprise_urls: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    """JSON object: officer_id or unit_id → apprise URL, e.g. `wecombot://<key>`. Tried before mail."""
    staff_language: Language = "zh-CN"

    notice_retry_delays: tuple[float, ...] | None = None
    """Seconds after the first, second … failed try on a channel; after one try more the channel has failed."""
    notice_receipt_timeout: timedelta = timedelta(hours=24)
    """How long an SMS may stay without a receipt before it counts as failed."""
    notice_merge_after: timedelta = timedelta(minutes=15)
    """An unsent notice older than this gives way to a later one of the same issue (never a resolution's)."""
    notice_staff_max_age: timedelta = timedelta(days=1)
    """Staff are not told of older events: after a loss of data a replay would repeat them."""
    notice_lease: timedelta = timedelta(seconds=60)
    """How long a claimed notice is another worker's no business; longer than every time-out of one sending together."""
    notice_timeout: timedelta = timedelta(seconds=10)
    """For one answer of intake, the gateway or the mail server."""
    notice_workers: int = Field(default=16, gt=0, le=64)
    """Notices that are in hand at once: they wait for gateways side by side and share transactions."""

    def retry_delays(self) -> tuple[timedelta, ...]:
        """How long to wait after each failed try."""
        seconds = self.notice_retry_delays if self.notice_retry_delays is not None else _DEMO_DELAYS if self.demo else _DELAYS
        return tuple(timedelta(seconds=delay) for delay in seconds)
