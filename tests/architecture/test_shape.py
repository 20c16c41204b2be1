"""The code has the shape that ARCHITECTURE.md describes, and each rule notices when it is broken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import rules

ROOT = Path(__file__).parents[2]

Rule = Callable[[Path], list[str]]

BREAKS: list[tuple[Rule, str, str]] = [
    (rules.services_of_one_shape, "services/notify/engine.py", '"""Unexplained."""'),
    (rules.modules_of_readable_size, "services/intake/long.py", "x = 1\n" * (rules.LONGEST + 1)),
    (rules.names_that_say_something, "shared/utils.py", ""),
    (rules.names_that_say_something, "services/routing/domain/x.py", "class AssignedEvent(Event, owner='routing'): ..."),
    (rules.names_that_say_something, "services/routing/domain/x.py", "class ResolveCommand: ..."),
    (rules.events_emitted_by_their_owner, "services/notify/x.py", "from shared.contracts.routing import Escalated\nEscalated()"),
    (rules.events_emitted_by_their_owner, "services/intake/x.py", "from shared.contracts import routing as r\nr.Resolved()"),
    (rules.events_emitted_by_their_owner, "services/tracking/x.py", "import shared.contracts.intake\nshared.contracts.intake.Rated()"),
    (
        rules.handler_tables_complete,
        "services/tracking/entrypoints/subscriber.py",
        "from shared.contracts import intake\nX = {intake.Rated: print}",
    ),
    (rules.tables_in_one_place, "services/intake/x.py", "class Row(SQLModel, table=True): ..."),
    (rules.tables_in_one_place, "services/intake/x.py", "from sqlalchemy import Table\nrows = Table('rows')"),
    (rules.tables_in_one_place, "services/intake/x.py", "SQL = 'CREATE TABLE rows ()'"),
    (rules.connections_in_one_place, "services/intake/x.py", "from shared.database import Database\nDatabase('url')"),
    (rules.connections_in_one_place, "services/routing/x.py", "import nats\nnats.connect('url')"),
    (rules.transactions_end_in_one_place, "services/routing/x.py", "session.commit()"),
    (rules.domain_without_clock_or_chance, "services/routing/domain/x.py", "from datetime import datetime\ndatetime.now()"),
    (rules.domain_without_clock_or_chance, "services/intake/domain/x.py", "from shared.ids import new_id\nnew_id()"),
    (rules.errors_never_swallowed, "shared/x.py", "try: f()\nexcept Exception: pass"),
    (rules.subjects_built_in_one_place, "services/tracking/x.py", "SUBJECT = 'huiyin.issue.>'"),
]
"""Rule, file and content that breaks it."""


RULES = {rule.__name__: rule for rule, _, _ in BREAKS}


@pytest.mark.parametrize("name", RULES)
def test_the_code_keeps_the_rule(name: str) -> None:
    assert RULES[name](ROOT) == []


def test_every_rule_is_broken_once_below() -> None:
    public = {
        name
        for name, found in vars(rules).items()
        if callable(found) and getattr(found, "__module__", "") == rules.__name__ and name[0] != "_"
    }
    assert public - {"modules"} == set(RULES)


@pytest.mark.parametrize(("rule", "file", "content"), BREAKS)
def test_the_rule_bites(tmp_path: Path, rule: Rule, file: str, content: str) -> None:
    for folder in ("deploy", "shared", *(f"services/{service}/{part}" for service in rules.SERVICES for part in ("domain", "entrypoints"))):
        (tmp_path / folder).mkdir(parents=True)
    before = rule(tmp_path)
    (tmp_path / file).write_text(content, encoding="utf-8")
    [found] = set(rule(tmp_path)) - set(before)
    assert Path(file).name in found or Path(file).stem in found
