"""Routing's HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.routing.bootstrap import App
from services.routing.entrypoints import (
    calendar_pages,
    calendars,
    directory,
    directory_pages,
    dossiers,
    issue_pages,
    issues,
    openid,
    pages,
    policies,
    policy_previews,
    rollouts,
    rules_pages,
    saved_filters,
    sessions,
    work_pages,
    worklists,
)
from services.routing.entrypoints.operation import operation
from shared.outgoing import http_client
from shared.security.trusted import token_verifier
from shared.web.app import create_app

DESCRIPTION = "Who is in charge and until when: assignment, deadlines, escalation, accounts, directory."

FORM = 64 * 1024
"""What a form may add to the file that it brings."""

BODY_LIMITS = {
    directory.IMPORT_PATH: directory.MAX_IMPORT,
    "/directory/import": directory.MAX_IMPORT + FORM,
    "/directory/import/confirm": directory.MAX_IMPORT * 4 // 3 + FORM,
    **dict.fromkeys((calendars.PATH, f"{calendars.PATH}/preview", f"{calendars.PATH}/import"), calendars.MAX_DAYS_BODY),
    "/calendar/import": calendars.MAX_DAYS_BODY + FORM,
    "/calendar/change": calendars.MAX_DAYS_BODY * 4 // 3 + FORM,
}
"""Files, and forms that carry a file along as base64."""


@asynccontextmanager
async def make_api(app: App) -> AsyncIterator[FastAPI]:
    """The application over what `bootstrap` built."""
    async with http_client() as client:
        api = create_app(
            "routing",
            settings=app.settings,
            database=app.database,
            services=app,
            routers=[
                sessions.router,
                issues.router,
                dossiers.router,
                worklists.router,
                saved_filters.router,
                directory.router,
                policies.router,
                policy_previews.router,
                rollouts.router,
                calendars.router,
            ],
            pages=[
                pages.router,
                openid.router,
                work_pages.router,
                issue_pages.router,
                rules_pages.router,
                calendar_pages.router,
                directory_pages.router,
            ],
            body_limits=BODY_LIMITS,
            verifier=token_verifier(app.settings, client, own_keys=app.staff.keys),
            operation=operation(app),
            description=DESCRIPTION,
        )
        api.state.openid = openid.open_id(app, client)
        yield api
