"""`huiyin sla policies|draft|preview|publish|rollout|rollback`: what administrators do to the rules, at the public API."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.commands.administrator import As, administrator
from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, local_time, print_json
from deploy.local.layout import StackError
from deploy.local.state import load

SLA = "/api/routing/v1/sla"
OpenIssues = Annotated[
    Literal["keep", "recompute", "recompute_if_better"], typer.Option("--open-issues", help="What happens to deadlines that run already.")
]
_console = Console(highlight=False)


def policies(account: As = "admin", as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Published versions and drafts."""
    with administrator(load(data), account) as admin:
        found, drafts = admin.get(f"{SLA}/policies"), admin.get(f"{SLA}/policies/drafts")
    if as_json:
        print_json(found | {"drafts": drafts["items"]})
        return
    table = Table("version", "from", "by", "drafted by", "open issues", "rules", "note")
    for each in found["items"]:
        name = f"[bold]{each['version']} in force[/bold]" if each["in_force"] else str(each["version"])
        origin = f" (restores {each['restores']})" if each["restores"] else ""
        who = (each["by"] or "system", each["drafted_by"] or "")
        table.add_row(name, _local(each["effective_from"]), *who, each["open_issues"], str(len(each["rules"])), each["note"] + origin)
    _console.print(table)
    if drafts["items"]:
        waiting = Table("draft", "by", "changed", "errors", "note")
        for each in drafts["items"]:
            waiting.add_row(each["draft_id"], each["by"], _local(each["changed_at"]), str(len(each["errors"])), each["note"])
        _console.print(waiting)


def draft(
    file: Annotated[Path | None, typer.Argument(help="JSON file with a list of rules.")] = None,
    preset: Annotated[str | None, typer.Option(help="default, hotline_12345 or cpgrams.")] = None,
    version: Annotated[int | None, typer.Option(help="A published version to start from.")] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    account: As = "admin",
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Begin a draft, and say what keeps it from being published."""
    body: dict[str, Any] = {"note": note} | _source(file, preset=preset, version=version)
    with administrator(load(data), account) as admin:
        made = admin.post(f"{SLA}/policies/drafts", body)
    if as_json:
        print_json(made)
        return
    _console.print(f"draft {made['draft_id']}")
    for error in made["errors"]:
        _console.print(f"  {error['pointer']}  {error['detail']}", markup=False)


def preview(
    file: Annotated[Path | None, typer.Argument(help="JSON file with a list of rules.")] = None,
    draft_id: Annotated[str | None, typer.Option("--draft", help="A draft.")] = None,
    version: Annotated[int | None, typer.Option(help="A published version.")] = None,
    open_issues: OpenIssues = "recompute",
    issue: Annotated[str | None, typer.Option(help="Number of one issue: what changes for it, and why.")] = None,
    account: As = "admin",
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """What rules would do to open issues. Nothing is written."""
    body: dict[str, Any] = {"open_issues": open_issues} | _source(file, draft_id=draft_id, version=version)
    if issue is not None:
        body["issue"] = issue
    with administrator(load(data), account) as admin:
        found = admin.post(f"{SLA}/policies/preview", body)
    if as_json or issue is not None:
        print_json(found, indented=True)
        return
    show_preview(found)


def publish(
    draft_id: Annotated[str, typer.Argument(help="The draft.")],
    open_issues: OpenIssues,
    effective_from: Annotated[str | None, typer.Option("--from", help="Instant, RFC 3339 with offset; at once unless said.")] = None,
    rate: Annotated[int, typer.Option(help="At most so many issues a second.")] = 500,
    follow: Annotated[bool, typer.Option(help="Show the roll-out until it is done.")] = True,
    account: As = "admin2",
    data: Data = DEFAULT_DATA,
) -> None:
    """Publish a draft, as another administrator than its writer."""
    body: dict[str, Any] = {"open_issues": open_issues, "rate": rate}
    if effective_from is not None:
        body["effective_from"] = effective_from
    with administrator(load(data), account) as admin:
        drafted = admin.get(f"{SLA}/policies/drafts/{draft_id}")
        done = admin.post(f"{SLA}/policies/drafts/{draft_id}/publish", body, version=drafted["version"])
        _console.print(f"version {done['policy']['version']} from {done['policy']['effective_from']}")
        if done["rollout"] and follow and effective_from is None:
            show_rollout(admin.follow(done["rollout"]["rollout_id"]))


def rollback(
    version: Annotated[int, typer.Argument(help="The version to publish again.")],
    open_issues: OpenIssues = "recompute",
    follow: Annotated[bool, typer.Option(help="Show the roll-out until it is done.")] = True,
    account: As = "admin",
    data: Data = DEFAULT_DATA,
) -> None:
    """Publish a former version as a new one, at once."""
    with administrator(load(data), account) as admin:
        done = admin.post(f"{SLA}/policies/versions/{version}/roll-back", {"open_issues": open_issues})
        _console.print(f"version {done['policy']['version']} restores {version}")
        if done["rollout"] and follow:
            show_rollout(admin.follow(done["rollout"]["rollout_id"]))


def rollout(
    rollout_id: Annotated[str | None, typer.Argument(help="The roll-out; without it, all are listed.")] = None,
    wish: Annotated[Literal["pause", "resume", "cancel"] | None, typer.Option("--do", help="What to do with it.")] = None,
    account: As = "admin",
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """How far roll-outs are; pause, resume or cancel one."""
    with administrator(load(data), account) as admin:
        found: list[dict[str, Any]]
        if rollout_id is None:
            found = admin.get(f"{SLA}/rollouts")["items"]
        elif wish is not None:
            found = [admin.post(f"{SLA}/rollouts/{rollout_id}/{wish}", {})]
        else:
            found = [admin.get(f"{SLA}/rollouts/{rollout_id}") if as_json else admin.follow(rollout_id)]
    if as_json:
        print_json(found)
        return
    for each in found:
        show_rollout(each)


def show_preview(found: dict[str, Any]) -> None:
    """A preview as tables."""
    _console.print(
        f"{found['open']} open issues, {found['moved']} would move: {found['earlier']} deadlines sooner, {found['later']} later,"
        f" {found['overdue_at_once']} in grace because they would be overdue at once"
    )
    for title, part in (("level", found["by_level"]), ("topic", found["by_topic"])):
        table = Table(title, "issues", "sooner", "later", "grace")
        for name, counts in sorted(part.items()):
            table.add_row(name, *(str(counts.get(key, 0)) for key in ("issues", "earlier", "later", "overdue_at_once")))
        _console.print(table)
    worst = Table("number", "kind", "from", "to")
    for issue in found["worst"]:
        for move in issue["moves"]:
            worst.add_row(issue["number"], move["kind"], _local(move["from"]), _local(move["to"]) + (" (grace)" if move["grace"] else ""))
    _console.print(worst)


def show_rollout(found: dict[str, Any]) -> None:
    """A roll-out in a line, and what could not be moved."""
    left = f", about {found['seconds_left']} s left" if found.get("seconds_left") is not None else ""
    total = "?" if found["total"] is None else found["total"]
    _console.print(
        f"{found['rollout_id']}  {found['reason']}: {found['state']}, {found['done']} of {total} done,"
        f" {found['moved']} moved, {found['failed']} failed{left}"
    )
    for failure in found.get("failures", []):
        _console.print(f"  {failure['issue_id']}  {failure['error']}", markup=False)


def _local(instant: str) -> str:
    return local_time(datetime.fromisoformat(instant))


def _source(file: Path | None, **named: Any) -> dict[str, Any]:
    given = {name: value for name, value in named.items() if value is not None}
    if (file is not None) + len(given) > 1:
        raise StackError("Name one source: a file, or one of the options.")
    if file is None:
        return given
    try:
        return {"rules": orjson.loads(file.read_bytes())}
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise StackError(f"{file} is no JSON: {error}.") from None


COMMANDS = (policies, draft, preview, publish, rollback, rollout)
