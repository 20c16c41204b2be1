"""The import contracts of `.importlinter` hold, and each one notices when it is broken."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "shared", "deploy")

BREAKS = [
    ("services-apart", "services/tracking/__init__.py", "import services.routing.domain"),
    ("services-apart", "services/notify/domain/__init__.py", "from services.intake import domain"),
    ("shared-below", "shared/ids.py", "import services.intake"),
    ("shared-below", "shared/contracts/values.py", "from deploy import cli"),
    ("services-undeployed", "services/intake/domain/__init__.py", "import deploy.local"),
    ("domain-pure", "services/routing/domain/__init__.py", "import sqlalchemy"),
    ("domain-pure", "services/intake/domain/__init__.py", "from fastapi import FastAPI"),
    ("domain-pure", "services/notify/domain/__init__.py", "import nats.aio.client"),
    ("domain-pure", "services/tracking/domain/__init__.py", "import shared.database"),
    ("contracts-pure", "shared/contracts/values.py", "from sqlmodel import SQLModel"),
    ("contracts-pure", "shared/contracts/event.py", "import httpx"),
    ("workflows-pure", "services/routing/workflows.py", "import psycopg"),
    ("workflows-pure", "services/routing/workflows.py", "import services.routing.tables"),
]
"""Contract, file, and the line that breaks it there; some reach what is forbidden only through another module."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tool there, as `make check` does."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def contracts() -> dict[str, str]:
    """Names by identifier."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    return {section.split(":")[2]: config[section]["name"] for section in config.sections() if section.startswith("importlinter:contract:")}


def test_every_import_contract_is_kept() -> None:
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout
    assert f"Contracts: {len(contracts())} kept, 0 broken." in checked.stdout


def test_every_import_contract_is_broken_once_below() -> None:
    assert {identifier for identifier, _, _ in BREAKS} == set(contracts())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of the same code, to be broken."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / ".importlinter", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.csv", "static"))
    return folder


@pytest.mark.parametrize(("identifier", "file", "line"), BREAKS)
def test_an_import_contract_bites(copy: Path, identifier: str, file: str, line: str) -> None:
    module = copy / file
    before = module.read_text(encoding="utf-8")
    module.write_text(before + "\n" + line + "\n", encoding="utf-8")
    try:
        checked = lint(copy)
    finally:
        module.write_text(before, encoding="utf-8")
    assert checked.returncode != 0
    assert f"{contracts()[identifier]} BROKEN" in checked.stdout, checked.stdout + checked.stderr
