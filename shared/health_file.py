"""How a process without a port is: a file that the stack's supervisor reads."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_log = logging.getLogger(__name__)


def write(file: Path, *, healthy: bool, detail: str, more: Mapping[str, object] | None = None) -> None:
    """Replace the file in one step, so that nobody reads half of it: `{"healthy", "detail", "at", …more}`.

    While the disk is full it grows stale, and is written again after that: no reason to stop work.
    """
    note = {"healthy": healthy, "detail": detail, "at": datetime.now(UTC).isoformat(), **(more or {})}
    draft = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(note), encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        _log.warning("the health file cannot be written: %s", error.strerror)
