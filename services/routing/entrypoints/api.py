"""Routing's HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from services.routing.bootstrap import App
from services.routing.entrypoints import (
    calendars,
    directory,
    issues,
    openid,
    pages,
    policies,
    policy_previews,
    rollouts,
    rules_pages,
    sessions,
)
from services.routing.entrypoints.operation import operation
from shared.security.trusted import token_verifier
from shared.web.app import create_app

DESCRIPTION = "Who is in charge and until when: assignment, deadlines, escalation, accounts, directory."


@asynccontextmanager
async def make_api(app: App) -> AsyncIterator[FastAPI]:
    """The application over what `bootstrap` built."""
    async with httpx.AsyncClient(trust_env=False) as client:
        api = create_app(
            "routing",
            settings=app.settings,
            database=app.database,
            services=app,
            routers=[
                sessions.router,
                issues.router,
                directory.router,
                policies.router,
                policy_previews.router,
                rollouts.router,
                calendars.router,
            ],
            pages=[pages.router, openid.router, rules_pages.router],
            body_limits={directory.IMPORT_PATH: directory.MAX_IMPORT},
            verifier=token_verifier(app.settings, client, own_keys=app.staff.keys),
            operation=operation(app),
            description=DESCRIPTION,
        )
        api.state.openid = openid.open_id(app, client)
        yield api
