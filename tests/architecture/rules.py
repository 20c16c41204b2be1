"""Rules about the shape of the code that an import contract cannot state.

Each takes the folder that holds `services`, `shared`, `deploy` and `tests`, and returns a sentence for every place that breaks it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared.contracts import EVENTS

SERVICES = ("intake", "routing", "tracking", "notify")

LONGEST = 300
"""Lines a module may have; then it is split by concept."""

COMMON = {"README.md", "__init__.py", "__main__.py", "bootstrap.py", "domain", "entrypoints", "migrations", "settings.py", "tables.py"}
"""What every service has, under the same name."""

WHERE_NEEDED = {"handlers.py", "handlers", "repository.py", "projections.py", "workflows.py", "activities.py", "templates"}
"""What a service has under this name, if it has it."""

MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff"}
"""Module names that do not say what is inside."""

CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
CHANCE = {"uuid.uuid4", "uuid.uuid7", "uuid4", "new_id", "random.random", "random.choice", "secrets.token_hex", "secrets.token_urlsafe"}


def modules(root: Path, *parts: str) -> Iterator[Path]:
    """The Python files below `root/parts`, in order."""
    return (path for path in sorted(root.joinpath(*parts).rglob("*.py")) if "__pycache__" not in path.parts)


def services_of_one_shape(root: Path) -> list[str]:
    """Every service has the common modules; what else it has is named in its README."""
    broken: list[str] = []
    for service in SERVICES:
        folder = root / "services" / service
        there = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
        broken += [f"services/{service} has no {name}" for name in sorted(COMMON - there)]
        readme = folder / "README.md"
        text = readme.read_text(encoding="utf-8") if readme.exists() else ""
        own = there - COMMON - WHERE_NEEDED
        broken += [f"services/{service}/README.md does not say what {name} is" for name in sorted(own) if f"`{name}" not in text]
    return broken


def modules_of_readable_size(root: Path) -> list[str]:
    """No module is longer than `LONGEST`."""
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for part in ("services", "shared", "deploy", "tests")
        for path in modules(root, part)
    }
    return [f"{path.relative_to(root)} has {length} lines" for path, length in lengths.items() if length > LONGEST]


def names_that_say_something(root: Path) -> list[str]:
    """No `utils`; a published event or a command is named for what it says, without a suffix."""
    broken: list[str] = []
    for part in ("services", "shared", "deploy", "tests"):
        for path in modules(root, part):
            place = path.relative_to(root)
            named = path.parent.name if path.name == "__init__.py" else path.stem
            if named in MEANINGLESS:
                broken.append(f"{place}: {named} does not say what is inside")
            suspect = re.search(r"class \w+(Command|Event)\b", path.read_text(encoding="utf-8"))
            broken += [
                f"{place}: {node.name} ends in a suffix that says nothing"
                for node in (ast.walk(_tree(path)) if suspect else ())
                if isinstance(node, ast.ClassDef)
                and (re.search(r"\wCommand$", node.name) or (node.name.endswith("Event") and _published(node)))
            ]
    return broken


def events_emitted_by_their_owner(root: Path) -> list[str]:
    """Only the owner of an event makes one; readers get theirs from `parse`."""
    broken: list[str] = []
    for service in SERVICES:
        for path in modules(root, "services", service):
            for line, name in _calls(path):
                event = EVENTS.get(name.rpartition(".")[2])
                if event is not None and event.owner != service and name.startswith("shared.contracts."):
                    broken.append(f"{path.relative_to(root)}:{line} makes {event.__name__}, which is {event.owner}'s")
    return broken


def handler_tables_complete(root: Path) -> list[str]:
    """Each service's `subscriber.py` lists every event there is, so that none is ignored in silence."""
    broken: list[str] = []
    for service in SERVICES:
        path = root / "services" / service / "entrypoints" / "subscriber.py"
        tables = list(_handler_tables(path)) if path.exists() else []
        if not tables:
            broken.append(f"{path.relative_to(root)} has no table of handlers")
        broken += [
            f"{path.relative_to(root)} leaves out {', '.join(sorted(EVENTS.keys() - table))}" for table in tables if table != EVENTS.keys()
        ]
    return broken


def _handler_tables(path: Path) -> Iterator[set[str]]:
    """The events that are keys of each dictionary in a module."""
    tree = _tree(path)
    known = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = {_dotted(key, known) for key in node.keys if key is not None}
            events = {key.rpartition(".")[2] for key in keys if key.startswith("shared.contracts.")} & EVENTS.keys()
            if events:
                yield events


def tables_in_one_place(root: Path) -> list[str]:
    """A service defines tables in `tables.py` and creates them in migrations; a copy of one (LIKE) is no definition."""
    broken: list[str] = []
    for path in modules(root, "services"):
        if path.name == "tables.py" or "migrations" in path.parts:
            continue
        place = path.relative_to(root)
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef) and any(keyword.arg == "table" for keyword in node.keywords):
                broken.append(f"{place}:{node.lineno} defines the table {node.name}")
        if re.search(r"\bCREATE (UNLOGGED )?TABLE (?!\S+ \(LIKE )", path.read_text(encoding="utf-8")):
            broken.append(f"{place} creates a table")
        broken += [f"{place}:{line} defines a table" for line, name in _calls(path) if name in ("sqlalchemy.Table", "sqlmodel.Table")]
    return broken


def connections_in_one_place(root: Path) -> list[str]:
    """A service opens connections in `bootstrap.py` alone."""
    openers = {
        "shared.database.Database",
        "shared.messaging.connection.connect",
        "shared.messaging.connect",
        "sqlalchemy.ext.asyncio.create_async_engine",
        "sqlalchemy.create_engine",
        "psycopg.connect",
        "nats.connect",
        "temporalio.client.Client.connect",
    }
    return [
        f"{path.relative_to(root)}:{line} opens a connection by {name}"
        for path in modules(root, "services")
        if path.name != "bootstrap.py" and "migrations" not in path.parts
        for line, name in _calls(path)
        if name in openers
    ]


def transactions_end_in_one_place(root: Path) -> list[str]:
    """Services never commit or roll back: `Database.transaction` does."""
    return [
        f"{path.relative_to(root)}:{node.lineno} calls {node.func.attr}"
        for path in modules(root, "services")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("commit", "rollback")
    ]


def domain_without_clock_or_chance(root: Path) -> list[str]:
    """Time and ids come into the domain with the command."""
    return [
        f"{path.relative_to(root)}:{line} asks {name}"
        for service in SERVICES
        for path in modules(root, "services", service, "domain")
        for line, name in _calls(path)
        if any(name == hidden or name.endswith("." + hidden) for hidden in CLOCKS | CHANCE)
    ]


def errors_never_swallowed(root: Path) -> list[str]:
    """No `except Exception: pass`, in any wording."""
    broken: list[str] = []
    for part in ("services", "shared", "deploy"):
        for path in modules(root, part):
            for node in ast.walk(_tree(path)):
                if isinstance(node, ast.ExceptHandler) and _catches_all(node) and all(isinstance(step, ast.Pass) for step in node.body):
                    broken.append(f"{path.relative_to(root)}:{node.lineno} swallows every error")
    return broken


def subjects_built_in_one_place(root: Path) -> list[str]:
    """What NATS subjects look like is known to `shared/messaging` and the contracts alone."""
    return [
        f"{path.relative_to(root)}:{node.lineno} spells a subject"
        for part in ("services", "shared", "deploy")
        for path in modules(root, part)
        if not {"messaging", "contracts"} & set(path.parts)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"huiyin\.(issue|policy|calendar|directory)\.", node.value)
    ]


def _published(node: ast.ClassDef) -> bool:
    return any(keyword.arg == "owner" for keyword in node.keywords)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException"))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that is called, as far as the module's imports tell."""
    tree = _tree(path)
    known = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, _dotted(node.func, known)


def _dotted(node: ast.expr, known: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return known.get(first, first) + dot + rest


def _imported(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names
