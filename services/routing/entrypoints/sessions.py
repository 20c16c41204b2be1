"""HTTP: signing in, and the public keys that verify what it gives."""

from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.routing.staff import Staff
from shared.security.dependencies import ClientAddress
from shared.web.call import describe
from shared.web.openapi import problems
from shared.web.requests import RequestModel, body_of, parse

router = APIRouter(prefix="/v1", tags=["sessions"])


class HasStaff(Protocol):
    """What these endpoints need of the services that `bootstrap` built."""

    staff: Staff


class Credentials(RequestModel):
    """Name and password of an account."""

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class Session(BaseModel):
    """A bearer token; `expires_in` is in seconds."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int


@router.post("/sessions", responses=problems(401, 413, 415, 422, 429, 503), openapi_extra=body_of(Credentials))
async def create_session(request: Request, address: ClientAddress) -> Session:
    """Sign in. An Idempotency-Key is accepted and has no effect: a token is never stored, and a second one does no harm."""
    describe("sign_in")
    credentials = await parse(Credentials, request)
    grant = await staff_of(request).sign_in(credentials.username, credentials.password, address)
    return Session(access_token=grant.token, expires_in=int(grant.lifetime.total_seconds()))


@router.get("/jwks.json")
async def public_keys(request: Request, response: Response) -> dict[str, Any]:
    """The keys that verify our tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return staff_of(request).keys.jwks(datetime.now(UTC))


def staff_of(request: Request) -> Staff:
    """The handlers of this process."""
    services: HasStaff = request.app.state.services
    return services.staff
