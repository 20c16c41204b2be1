"""`huiyin calendar`: the working calendar, its days and files, at the public API."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from deploy.commands.administrator import Administrator, As, administrator
from deploy.commands.sla_administration import show_preview, show_rollout
from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, print_json
from deploy.local.layout import StackError
from deploy.local.state import load

app = typer.Typer(help="The working calendar.", no_args_is_help=True)
CALENDAR = "/api/routing/v1/calendars/cn"
MEDIA_TYPES = {".csv": "text/csv", ".ics": "text/calendar"}

_console = Console(highlight=False)


@app.command()
def show(account: As = "admin", as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """The calendar in force, by year."""
    with administrator(load(data), account) as admin:
        found = admin.get(CALENDAR)
    if as_json:
        print_json(found)
        return
    _console.print(f"version {found['version']}, office hours {', '.join('–'.join(span) for span in found['office_hours'])}")
    table = Table("year", "announced", "days off", "weekend days worked", "days of single regions")
    for year in sorted({day[:4] for day in (*found["holidays"], *found["working_days"])}):
        counts = [sum(day.startswith(year) for day in found[name]) for name in ("holidays", "working_days")]
        overrides = sum(each["day"].startswith(year) for each in found["overrides"])
        table.add_row(year, "yes" if int(year) in found["confirmed_years"] else "NOT YET", *map(str, counts), str(overrides))
    _console.print(table)


@app.command("set")
def set_day(
    region: Annotated[str, typer.Argument(help="Code prefix of the region, e.g. 330182.")],
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD.")],
    kind: Annotated[
        Literal["closed", "open", "stopped", "none"],
        typer.Argument(help="Offices closed or open, every clock stopped; none takes it back."),
    ],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only show what it would do to open issues.")] = False,
    account: As = "admin",
    data: Data = DEFAULT_DATA,
) -> None:
    """One day of one region: a market day, a typhoon day."""
    with administrator(load(data), account) as admin:
        current = admin.get(CALENDAR)
        others = [each for each in current["overrides"] if (each["region"], each["day"]) != (region, day)]
        added = [] if kind == "none" else [{"region": region, "day": day, "kind": kind, "note": note}]
        _change(admin, {"overrides": others + added, "note": note or f"{day} {kind}"}, current["version"], dry_run=dry_run)


@app.command("import")
def bring_in(
    file: Annotated[Path, typer.Argument(help="CSV (day,kind,region,note) or iCalendar.")],
    confirm_year: Annotated[int | None, typer.Option(help="The file holds the announced days of this year.")] = None,
    account: As = "admin",
    data: Data = DEFAULT_DATA,
) -> None:
    """Bring in days from a file; open deadlines are counted again."""
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise StackError(f"{file.name} is neither .csv nor .ics.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}.") from None
    query = {} if confirm_year is None else {"confirm_year": confirm_year}
    with administrator(load(data), account) as admin:
        current = admin.get(CALENDAR)
        _done(admin, admin.upload(f"{CALENDAR}/import", content, media_type, version=current["version"], **query))


@app.command("export")
def take_out(
    file: Annotated[Path, typer.Argument(help="Where to write: .csv or .ics.")], account: As = "admin", data: Data = DEFAULT_DATA
) -> None:
    """Write the calendar to a file."""
    if file.suffix.lower() not in MEDIA_TYPES:
        raise StackError(f"{file.name} is neither .csv nor .ics.")
    with administrator(load(data), account) as admin:
        file.write_bytes(admin.text(f"{CALENDAR}/export", format=file.suffix.lower()[1:]))


@app.command()
def unconfirmed(account: As = "admin", as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Open issues whose deadline falls into a year that is not announced yet."""
    with administrator(load(data), account) as admin:
        found = admin.get(f"{CALENDAR}/unconfirmed")
    if as_json:
        print_json(found)
        return
    table = Table("number", "state", "level", "due")
    for each in found["items"]:
        table.add_row(each["number"], each["state"], each["level"] or "", each["due_at"])
    _console.print(table)


def _change(admin: Administrator, body: dict[str, Any], version: int, *, dry_run: bool) -> None:
    if dry_run:
        show_preview(admin.post(f"{CALENDAR}/preview", body))
    else:
        _done(admin, admin.put(CALENDAR, body, version=version))


def _done(admin: Administrator, done: dict[str, Any]) -> None:
    _console.print(f"calendar version {done['calendar']['version']}")
    if done["rollout"]:
        show_rollout(admin.follow(done["rollout"]["rollout_id"]))
