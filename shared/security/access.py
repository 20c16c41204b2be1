"""What each role may do, and where: the one table. Whether a caller is *the* handler of an issue is routing's to check.

Roles are kept apart as MLPS level 3 asks: administrators act on no case, operators see no case, auditors read the audit and nothing else.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from shared import regions
from shared.problems import Problem, not_found
from shared.security.principal import Principal, Role

Action = Literal[
    "raise_issue",
    "read_statement",
    "read_attachment",
    "read_ledger",
    "read_issue",
    "read_statistics",
    "read_notices",
    "read_worklist",
    "read_deadline",
    "accept",
    "report-progress",
    "resolve",
    "request-escalation",
    "return",
    "arbitrate",
    "reassign",
    "reclassify",
    "invite",
    "complete-task",
    "suspend",
    "resume",
    "request-extension",
    "decide-extension",
    "refer",
    "supervise",
    "record-return-visit",
    "reopen",
    "administer_policies",
    "administer_directory",
    "administer_accounts",
    "operate",
    "read_audit",
]
Party = Role | Literal["anyone", "reporter"]
"""`anyone` needs no token; `reporter` holds the issue's tracking token, which intake checks."""

Hidden = Literal["not_found", "forbidden"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do something.

    Args:
        parties: roles, and who may without an account.
        outside: how a caller from elsewhere is refused: single things that are read are hidden, commands are forbidden.
        regional: whether it is done to a region at all.
    """

    parties: frozenset[Party]
    outside: Hidden = "forbidden"
    regional: bool = True


_WHOLE_DEPLOYMENT: frozenset[Role] = frozenset({"admin", "operator", "auditor"})
"""Without regions of their own, these act on the whole deployment; every other role without regions acts nowhere."""


def _rule(*parties: Party, outside: Hidden = "forbidden", regional: bool = True) -> Rule:
    return Rule(frozenset(parties), outside, regional)


_CASE: tuple[Role, ...] = ("cadre", "officer", "dispatcher", "supervisor")
_HANDLER: tuple[Role, ...] = ("cadre", "officer", "dispatcher")
"""Where no officer is on duty a dispatcher is the handler."""
_ABOVE: tuple[Role, ...] = ("dispatcher", "supervisor")
"""The dispatcher of the level above; for the county its supervisor."""

ACTIONS: dict[Action, Rule] = {
    "raise_issue": _rule("anyone", *_CASE),
    "read_statement": _rule(*_CASE, outside="not_found"),
    "read_attachment": _rule(*_CASE, "reporter", outside="not_found"),
    "read_ledger": _rule(*_CASE),
    "read_issue": _rule(*_CASE, outside="not_found"),
    "read_statistics": _rule(*_CASE, "admin"),
    "read_notices": _rule(*_CASE, outside="not_found"),
    "read_worklist": _rule(*_CASE),
    "read_deadline": _rule(*_CASE, "admin", outside="not_found"),
    "accept": _rule(*_HANDLER),
    "report-progress": _rule(*_HANDLER),
    "resolve": _rule(*_HANDLER),
    "request-escalation": _rule(*_HANDLER),
    "return": _rule(*_HANDLER),
    "arbitrate": _rule(*_ABOVE),
    "reassign": _rule(*_HANDLER),
    "reclassify": _rule(*_ABOVE),
    "invite": _rule("officer", "dispatcher"),
    "complete-task": _rule(*_HANDLER),
    "suspend": _rule(*_HANDLER, "supervisor"),
    "resume": _rule(*_HANDLER, "supervisor"),
    "request-extension": _rule(*_HANDLER),
    "decide-extension": _rule(*_ABOVE),
    "refer": _rule("officer", "dispatcher"),
    "supervise": _rule("supervisor"),
    "record-return-visit": _rule(*_HANDLER, "supervisor"),
    "reopen": _rule("supervisor"),
    "administer_policies": _rule("admin"),
    "administer_directory": _rule("admin"),
    "administer_accounts": _rule("admin"),
    "operate": _rule("operator", regional=False),
    "read_audit": _rule("auditor", regional=False),
}

assert set(ACTIONS) == set(get_args(Action))


def check(principal: Principal | None, action: Action, region: str | None = None, *, conduct: bool = False) -> None:
    """Refuse, or return.

    Args:
        principal: the caller; None without a token.
        action: what they want to do.
        region: the 12-digit code of what it is done to; None asks by role alone (lists then use `visible`).
        conduct: whether it is a conduct matter, which village staff neither see nor handle (domain.md, rule 8).

    Raises:
        Problem: 401 where a token is needed; 403 for the role; 403 (commands, lists) or 404 (single things) outside the caller's regions.
    """
    rule = ACTIONS[action]
    if principal is None:
        if "anyone" in rule.parties:
            return
        raise Problem("unauthenticated", 401, headers={"WWW-Authenticate": "Bearer"})
    if principal.role not in rule.parties:
        raise Problem("forbidden", 403)
    if region is None or not rule.regional:
        return
    if not region.startswith(visible(principal)):
        raise not_found() if rule.outside == "not_found" else Problem("forbidden", 403)
    if conduct and "anyone" not in rule.parties and not region.startswith(visible_conduct(principal)):
        raise not_found()


def visible(principal: Principal) -> tuple[str, ...]:
    """Prefixes of the region codes that a list may show to the caller; `""` is everything, no prefix is nothing."""
    if not principal.regions and principal.role in _WHOLE_DEPLOYMENT:
        return ("",)
    return tuple(regions.prefix(code) for code in principal.regions)


def visible_conduct(principal: Principal) -> tuple[str, ...]:
    """As `visible`, for conduct matters: nothing by virtue of a village."""
    if principal.role == "cadre":
        return ()
    return tuple(prefix for prefix in visible(principal) if len(prefix) < len("330182104001"))


def open_to(action: Action, party: Party) -> bool:
    """Whether the table names this party for the action."""
    return party in ACTIONS[action].parties
