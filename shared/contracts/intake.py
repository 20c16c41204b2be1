"""Events that intake emits. None contains a reporter's name, contact, narrative, place or words."""

from typing import Literal

from shared.contracts.event import Event
from shared.contracts.values import Category, Channel, Evidence, Handler, Instant, Outcome, Priority, RatingValue, Value


class OnTheSpot(Value):
    """Answered while it was received: the outcome and what the reporter was told (official result, no personal data)."""

    outcome: Outcome
    result: str


class IssueRaised(Event, owner="intake"):
    """An issue was recorded.

    Emitted by intake when anyone raises an issue (version 1 of its stream). `tracking_digest` is the SHA-256, hex, of the
    tracking token. `on_the_spot` tells that `Resolved`, `Answered` and `Closed` follow from routing without an assignment.
    Never contains: reporter's name or contact, narrative, location, the tracking token.
    """

    number: str
    channel: Channel
    category: Category
    topic: str
    title: str
    priority: Priority
    reporter: Literal["named", "anonymous"]
    first_receiver: Handler | None = None
    occurred_at: Instant | None = None
    labels: tuple[str, ...] = ()
    on_the_spot: OnTheSpot | None = None
    evidence: tuple[Evidence, ...] = ()
    tracking_digest: str


class IssueWithdrawn(Event, owner="intake"):
    """The reporter withdrew the issue.

    Emitted by intake on `POST …/withdrawal`; routing appends `Answered` and `Closed`. `words` refers to the reason in
    intake's vault. Never contains: the reason itself.
    """

    words: str | None = None


class Rated(Event, owner="intake"):
    """The reporter rated a resolution.

    Emitted by intake on `POST …/rating`. `words` refers to the comment in intake's vault. Never contains: the comment.
    """

    rating: RatingValue
    words: str | None = None


class ReopenAsked(Event, owner="intake"):
    """The reporter asked to have a resolved issue reopened, within 30 days of its closing.

    Emitted by intake on `POST …/reopening`; routing appends `Reopened`. Never contains: the reason itself (`words` refers to it).
    """

    words: str | None = None


class AttachmentAdded(Event, owner="intake"):
    """A photo or document was added to the issue after it was raised.

    Emitted by intake when an upload names its issue. Never contains: the bytes, the file's name.
    """

    evidence: Evidence


class ReporterErased(Event, owner="intake"):
    """The reporter's data were erased from the vault.

    Emitted by intake on `huiyin reporter erase`. Never contains: whose data.
    """

    reason: str
