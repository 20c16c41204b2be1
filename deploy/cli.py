"""The `huiyin` command. Each sub-command lives in a module of `deploy/commands` and is loaded only when it is called."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from deploy.local.layout import StackError

COMMANDS = {
    "up": ("stack", "Start the stack; serve, or return with --detach, when every part is healthy."),
    "down": ("stack", "Stop the stack; data stays."),
    "restart": ("stack", "Restart parts one after the other, without an interruption where there are several."),
    "status": ("stack", "Where everything is and whether it is healthy."),
    "demo": ("demo", "Play the 42 matters of deploy/demo through the public APIs."),
    "events": ("events", "Follow, verify and republish events."),
    "projections": ("projections", "Rebuild read models."),
    "routing": ("routing", "Reseat workflows from the log."),
    "backup": ("backup", "Save a running stack: database, attachments, secrets, checkpoints."),
    "restore": ("backup", "Bring a backup back into an empty stack."),
    "calendar": ("calendar", "The working calendar: days, files, market and typhoon days."),
    "sla": ("sla", "Policies, previews, roll-outs, and why a deadline is what it is."),
    "accounts": ("accounts", "Add staff accounts."),
    "reporter": ("reporter", "Erase a reporter's personal data."),
    "vault": ("vault", "Rotate the keys of the vault."),
}
"""Name → module in deploy.commands and the line that `huiyin --help` shows."""


class Commands(TyperGroup):
    """Sub-commands by name, imported on first use, so that `huiyin status` need not load the services."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What `--help` shows of a command, without importing it; None if there is no such name."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` name, imported now."""
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or found is None:
            return name, found, rest
        group = get_group(import_module(f"deploy.commands.{COMMANDS[name][0]}").app)
        return name, group.commands.get(name, group), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what the stack refuses is told in its one sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except StackError as refusal:
            typer.echo(f"huiyin: {refusal}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Huiyin 回音: 事事有着落,件件有回音。",
)


@app.callback()
def _root() -> None:
    """Huiyin 回音."""


if __name__ == "__main__":
    app()
