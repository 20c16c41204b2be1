"""What commands that look into a running stack share: options, and errors told in one sentence."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
import psycopg
import typer
from nats.errors import Error as NatsError
from sqlalchemy.exc import OperationalError

from deploy.local.layout import StackError
from shared.messaging.api import JetStreamError

T = TypeVar("T")
Data = Annotated[Path, typer.Option("--data", help="Data folder of the stack.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_DATA = Path(".huiyin")

_SHANGHAI = ZoneInfo("Asia/Shanghai")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end. Raises `StackError` where a server of the stack does not answer."""
    try:
        return asyncio.run(work)
    except (psycopg.OperationalError, OperationalError):
        raise StackError("Postgres of this stack does not answer: `huiyin status` shows what runs.") from None
    except (NatsError, JetStreamError, TimeoutError) as error:
        raise StackError(f"NATS of this stack does not answer ({type(error).__name__}): `huiyin status` shows what runs.") from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def print_json(document: object, *, indented: bool = False) -> None:
    """Print a document for programs: JSON on one line, or `indented` for people who read it too."""
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else None).decode())


def local_time(instant: datetime) -> str:
    """Date and time in Asia/Shanghai, to the second."""
    return instant.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
