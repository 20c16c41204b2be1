"""Writes what is generated from the contracts: a JSON Schema per event and of the envelope, and the AsyncAPI document.

`python -m shared.contracts.schemas` writes them, `--check` fails with a sentence when the repository's copy differs.
"""

import json
import sys
from pathlib import Path

from shared.contracts.asyncapi import asyncapi
from shared.contracts.event import EVENTS
from shared.contracts.json_schemas import envelope_schema, event_schema

FOLDER = Path(__file__).parent / "generated"


def documents() -> dict[str, str]:
    """What belongs into `shared/contracts/generated`, by file name. The same text for the same contracts."""
    found = {f"{event.type_name()}.json": event_schema(event) for event in EVENTS.values()}
    found |= {"envelope.json": envelope_schema(), "asyncapi.json": asyncapi()}
    return {name: json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n" for name, document in sorted(found.items())}


def drift(folder: Path) -> list[str]:
    """One sentence per file of `folder` that is not what the contracts say; empty if all is well."""
    wanted = documents()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return (
        [f"{name} is missing" for name in wanted.keys() - there.keys()]
        + [f"{name} belongs to no event" for name in there.keys() - wanted.keys()]
        + [f"{name} differs from its contract" for name in wanted.keys() & there.keys() if wanted[name] != there[name]]
    )


def write(folder: Path) -> None:
    """Make `folder` hold exactly what the contracts say."""
    folder.mkdir(exist_ok=True)
    wanted = documents()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write or, with `--check`, compare; the exit status."""
    if "--check" not in arguments:
        write(FOLDER)
        return 0
    differences = sorted(drift(FOLDER))
    if differences:
        print(
            f"The generated schemas are not those of the contracts: {'; '.join(differences)}. "
            "Run `python -m shared.contracts.schemas`, look at what changed, and commit it.",
            file=sys.stderr,
        )
        return 1
    print(f"{len(documents())} generated documents agree with {len(EVENTS)} contracts.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
