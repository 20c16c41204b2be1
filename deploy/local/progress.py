"""How a starting stack looks at the terminal: one line a part as it gets ready, a spinner where there is a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from deploy.local.state import StackState


class Progress:
    """Prints each part once when it is first ready, and again when it fails or recovers."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, bool] = {}
        self._spinner: Status | None = console.status("启动中 starting…") if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._spinner:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def settle(self) -> None:
        """Everything is up: no spinner any more."""
        if self._spinner:
            self._spinner.stop()

    def show(self, process: Mapping[str, Any]) -> None:
        """Tell of a part's health, if it is news."""
        name, healthy = str(process["name"]), bool(process["healthy"])
        before = self._seen.get(name)
        if healthy and before is not True:
            self._seen[name] = True
            self._console.print(f"  [green]✓[/] {name}  [dim]{process['seconds']} s[/]", highlight=False, soft_wrap=True)
        elif not healthy and (before is True or (before is None and process["restarts"] > 0)):
            self._seen[name] = False
            self._console.print(f"  [yellow]![/] {name}: {escape(str(process['detail']))}", highlight=False, soft_wrap=True)

    def waiting(self, processes: Sequence[Mapping[str, Any]]) -> None:
        """Name in the spinner what is still to come."""
        missing = [str(process["name"]) for process in processes if not process["healthy"]]
        if self._spinner and missing:
            self._spinner.update(f"等待 waiting: {', '.join(missing)}")


def print_addresses(console: Console, state: StackState) -> None:
    """Where a healthy stack is."""
    told = state.describe()
    console.print(f"\n回音 Huiyin  [bold]{told['gateway']}[/]   data {told['data']}", highlight=False, soft_wrap=True)
    console.print(f"Temporal {told['temporal_ui']}   NATS {told['nats']}   Postgres {told['postgres']}\n", highlight=False, soft_wrap=True)


def print_status(console: Console, state: StackState) -> None:
    """A table of the parts."""
    table = Table("", "part", "pid", "restarts", "last exit", "detail", box=None)
    for process in state.processes:
        mark = "[green]✓[/]" if state.alive and process["healthy"] else "[red]✗[/]"
        last = "" if process["last_exit"] is None else str(process["last_exit"])
        table.add_row(mark, process["name"], str(process["pid"] or "–"), str(process["restarts"]), last, escape(process["detail"]))
    console.print(table)
