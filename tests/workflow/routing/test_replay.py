"""Histories that former releases recorded replay on the present workflow: a running issue survives an upgrade."""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from services.routing.workflows import IssueWorkflow

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json("issue-recorded", path.read_text(encoding="utf-8"))


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 5


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_replays(path: Path) -> None:
    await Replayer(workflows=[IssueWorkflow], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(recorded(path))


@workflow.defn(name="IssueWorkflow")
class Changed:
    """What must be caught: another first step."""

    @workflow.run
    async def run(self, issue_id: str) -> None:
        """Sleeps before it looks."""
        await workflow.sleep(1)


async def test_a_changed_workflow_is_caught() -> None:
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[Changed], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(recorded(HISTORIES[0]))
