"""What the checker hands back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold.

    Args:
        invariant: `I1` … `I9` of the specification.
        subject: what a person looks up: an issue, an event, a table, a consumer, a request's key.
        detail: what is wrong with it.
    """

    invariant: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.detail}"
