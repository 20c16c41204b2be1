"""The papers name only what exists."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from shared.contracts import EVENTS

ROOT = Path(__file__).parents[2]

PAPERS = sorted(
    path
    for pattern in ("*.md", "services/*/README.md", "deploy/*.md", "deploy/**/README.md", "shared/**/README.md")
    for path in ROOT.glob(pattern)
)
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAPERS}
ROOT_PAPERS = {"README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def test_every_paper_is_there() -> None:
    assert set(TEXTS) >= ROOT_PAPERS
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("paper", TEXTS)
def test_every_relative_link_resolves(paper: str) -> None:
    for found_link in re.finditer(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", CODE.sub("", TEXTS[paper])):
        link = found_link[1] or found_link[2]
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        found = (ROOT / paper).parent / file if file else ROOT / paper
        assert found.exists(), link
        if anchor and found.suffix == ".md":
            assert anchor in _anchors(found.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("paper", TEXTS)
def test_every_make_target_that_is_named_exists(paper: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for code in CODE.findall(TEXTS[paper]) for name in re.findall(r"\bmake ([a-z-]+)", code)}
    assert named <= targets


@pytest.mark.parametrize("paper", TEXTS)
def test_every_huiyin_command_that_is_named_exists(paper: str) -> None:
    code = CODE.findall(TEXTS[paper])
    named = {found for text in code for found in re.findall(r"\bhuiyin((?: [a-z]+)+)", text)}
    for words in sorted(named):
        command = words.split()[:1] if words.split()[0] in ("up", "down", "status", "demo") else words.split()[:2]
        result = CliRunner().invoke(app, [*command, "--help"])
        assert result.exit_code == 0, f"huiyin {' '.join(command)}: {result.output}"


def test_the_catalogue_of_events_is_that_of_the_contracts() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", TEXTS["ARCHITECTURE.md"], re.MULTILINE)
    assert {name: (owner, says) for name, owner, says in rows} == {
        name: (event.owner, (event.__doc__ or "").split("\n", 1)[0]) for name, event in EVENTS.items()
    }


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = (
        {line for block in re.findall(r"```sh\n(.*?)```", TEXTS[name], re.DOTALL) for line in _commands(block)}
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
    assert {"make run", "make test"} <= english


def _commands(block: str) -> set[str]:
    return {line.partition("#")[0].strip() for line in block.splitlines()} - {""}


def _anchors(text: str) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
