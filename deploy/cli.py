"""The `huiyin` command. Each sub-command lives in a module of `deploy/commands` and is loaded only when it is called."""

from importlib import import_module

import click
import typer
import typer.core
from typer.main import get_group

COMMANDS = {
    "up": ("stack", "Start the stack; serve, or return with --detach, when every part is healthy."),
    "down": ("stack", "Stop the stack; data stays."),
    "status": ("stack", "Where everything is and whether it is healthy."),
    "demo": ("demo", "Play the 42 matters of deploy/demo through the public APIs."),
    "events": ("events", "Follow, verify and republish events."),
    "projections": ("projections", "Rebuild read models."),
    "routing": ("routing", "Reseat workflows from the log."),
    "accounts": ("accounts", "Add staff accounts."),
    "reporter": ("reporter", "Erase a reporter's personal data."),
    "vault": ("vault", "Rotate the keys of the vault."),
}
"""Name → module in deploy.commands and the line that `huiyin --help` shows."""


class Commands(typer.core.TyperGroup):
    """Sub-commands by name, imported on first use: `huiyin status` need not load the services."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None if there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        try:
            sub: typer.Typer = import_module(f"deploy.commands.{module}").app
        except ModuleNotFoundError as missing:
            if missing.name != f"deploy.commands.{module}":
                raise
            return click.Command(cmd_name, help=f"{summary} (not part of this build)", callback=lambda: ctx.fail("not part of this build"))
        group = get_group(sub)
        command = group.commands.get(cmd_name, group)
        command.name, command.short_help = cmd_name, summary
        return command


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, help="Huiyin 回音: 事事有着落,件件有回音。")


@app.callback()
def _root() -> None:
    """Huiyin 回音."""
