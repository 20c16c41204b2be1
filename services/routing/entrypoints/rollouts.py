"""HTTP: roll-outs of policies and calendars: how far they are, and pause, resume, cancel."""

from typing import Any

from fastapi import APIRouter, Request

from services.routing.entrypoints.policies import Administrator, services_of
from services.routing.entrypoints.sla_bodies import rollout_shown
from shared import audit
from shared.eventlog import ConcurrentAppend
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import version_mismatch

router = APIRouter(prefix="/v1/sla/rollouts", tags=["roll-outs"])


@router.get("", summary="Roll-outs, the newest first", responses=READ_PROBLEMS)
async def rollouts(request: Request, principal: Administrator) -> dict[str, Any]:
    """The last fifty."""
    app = services_of(request)
    async with app.database.transaction() as session:
        now = await app.clock.now(session)
        return {"items": [rollout_shown(each, now) for each in await app.rollouts.all(session)]}


@router.get("/{rollout_id}", summary="How far a roll-out is", responses=READ_PROBLEMS)
async def rollout(rollout_id: str, request: Request, principal: Administrator) -> dict[str, Any]:
    """Progress, and the issues that could not be moved with why."""
    app = services_of(request)
    async with app.database.transaction() as session:
        now = await app.clock.now(session)
        found = await app.rollouts.get(session, rollout_id)
        failures = await app.rollouts.failures(session, rollout_id)
        return rollout_shown(found, now) | {"failures": [{"issue_id": each.issue_id, "error": each.error} for each in failures]}


@router.post("/{rollout_id}/pause", summary="Pause a roll-out", responses=COMMAND_PROBLEMS)
async def pause(rollout_id: str, request: Request, principal: Administrator) -> dict[str, Any]:
    """What is moved stays moved."""
    return await _steered(request, rollout_id, "pause")


@router.post("/{rollout_id}/resume", summary="Go on with a roll-out", responses=COMMAND_PROBLEMS)
async def resume(rollout_id: str, request: Request, principal: Administrator) -> dict[str, Any]:
    """From where it was."""
    return await _steered(request, rollout_id, "resume")


@router.post("/{rollout_id}/cancel", summary="End a roll-out", responses=COMMAND_PROBLEMS)
async def cancel(rollout_id: str, request: Request, principal: Administrator) -> dict[str, Any]:
    """What is moved stays moved; the rest keeps its deadlines."""
    return await _steered(request, rollout_id, "cancel")


async def _steered(request: Request, rollout_id: str, wish: str) -> dict[str, Any]:
    app = services_of(request)
    try:
        async with app.database.transaction() as session:
            before = (await app.rollouts.get(session, rollout_id)).state
            found = await app.rollouts.steer(session, rollout_id, wish)
            entry = audit.Entry(
                action=f"{wish}_rollout",
                status=200,
                before={"rollout_id": rollout_id, "state": before},
                after={"rollout_id": rollout_id, "state": found.state, "moved": found.moved},
            )
            await audit.record(session, entry)
            return rollout_shown(found, await app.clock.now(session))
    except ConcurrentAppend:
        raise version_mismatch() from None
