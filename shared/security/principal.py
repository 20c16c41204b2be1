"""Staff members as tokens describe them."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["cadre", "officer", "dispatcher", "supervisor", "admin", "operator", "auditor"]
ROLES: frozenset[Role] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in staff member.

    Args:
        subject: the account's name, which is the officer's id.
        name: what people call them.
        role: exactly one.
        regions: 12-digit codes; they are in charge there and below. None for roles of the whole deployment.
        units: `<12-digit region>/<unit code>`.
    """

    subject: str
    name: str
    role: Role
    regions: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
