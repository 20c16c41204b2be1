"""`decide`: what follows from a command of staff. First what is due by itself (`settle`), then the command.

The checks come in contract.md's order.
"""

from services.routing.domain.authority import may
from services.routing.domain.commands import NAMES, Actor, Command, Context, Decision, Refusal, Supervise
from services.routing.domain.effects import EFFECTS
from services.routing.domain.life import allowed, possible
from services.routing.domain.settle import settle
from services.routing.domain.state import Issue
from services.routing.domain.validate import validate

NOT_YET_KNOWN = Refusal("issue_not_yet_known", 404)


def decide(issue: Issue, command: Command, actor: Actor, context: Context, *, expected_version: int | None = None) -> Decision:
    """The events that follow, and the refusal if there is one.

    Events are to be appended even with a refusal: a deadline that has passed takes effect first, by whoever comes first.
    Checks: 404 not yet routed, 403 who, 422 the fields, 412 the version that the caller saw, 409 deadline lapsed or state.
    """
    due, present = settle(issue, context)
    if present.state is None:
        return Decision(due, NOT_YET_KNOWN)
    name = NAMES[type(command)]
    before, after = may(actor, command, issue), may(actor, command, present)
    if not before and not after:
        return Decision(due, Refusal("not_in_charge", 403))
    errors = validate(present, command, context)
    if errors:
        return Decision(due, Refusal("invalid_command", 422, errors=errors))
    if expected_version is not None and expected_version != issue.version:
        return Decision(due, Refusal("version_mismatch", 412))
    overtaken = _overtaken(issue, present, command)
    if overtaken or not after:
        return Decision(due, Refusal("deadline_lapsed", 409, allowed=allowed(present)))
    if not possible(present, name):
        moved = bool(due) and issue.state is not None and possible(issue, name)
        return Decision(due, Refusal("deadline_lapsed" if moved else "not_possible_in_state", 409, allowed=allowed(present)))
    return Decision((*due, *EFFECTS[type(command)](present, command, actor, context)))


def _overtaken(issue: Issue, present: Issue, command: Command) -> bool:
    """Whether the issue was lifted while the command was on its way: what it meant to act on is no longer there.

    Supervision is about the issue wherever it is, so it goes on.
    """
    return issue.level is not None and issue.level != present.level and not isinstance(command, Supervise)
