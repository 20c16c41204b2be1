"""FastAPI dependencies: who is calling, and from where."""

import hmac
import ipaddress
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import HTTPConnection, Request

from shared.problems import Problem, unavailable
from shared.security.keys import KeysUnavailable
from shared.security.principal import Principal
from shared.security.tokens import InvalidToken, TokenVerifier
from shared.web.call import current_call

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Token from POST /api/routing/v1/sessions or the OpenID provider.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_INVALID_CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


async def caller(request: Request, credentials: Credentials) -> Principal | None:
    """The staff member, or None without a token. A token that is no good is 401 even where none is needed."""
    if credentials is None:
        if "authorization" in request.headers:
            raise Problem("token_invalid", 401, headers=_INVALID_CHALLENGE)
        return None
    verifier: TokenVerifier = request.app.state.verifier
    try:
        principal = await verifier.verify(credentials.credentials)
    except InvalidToken:
        raise Problem("token_invalid", 401, headers=_INVALID_CHALLENGE) from None
    except KeysUnavailable:
        raise unavailable() from None
    if (call := current_call()) is not None:
        call.principal = principal
    return principal


Caller = Annotated[Principal | None, Depends(caller)]


async def staff(principal: Caller) -> Principal:
    """The staff member; 401 without a token."""
    if principal is None:
        raise Problem("unauthenticated", 401, headers=_CHALLENGE)
    return principal


Staff = Annotated[Principal, Depends(staff)]


def address_of(connection: HTTPConnection, gateway_token: SecretStr | None) -> str:
    """The caller's address. X-Forwarded-For counts only beside the gateway's secret: anyone can send that header."""
    peer = connection.client.host if connection.client else ""
    shown = connection.headers.get("x-huiyin-gateway", "")
    if gateway_token is None or not hmac.compare_digest(shown.encode(), gateway_token.get_secret_value().encode()):
        return peer
    forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(forwarded))
    except ValueError:
        return peer


async def client_address(request: Request) -> str:
    """The caller's address, as `address_of` tells it. Asynchronous, because FastAPI would send a plain function to another thread."""
    call = current_call()
    return call.address if call is not None else address_of(request, request.app.state.settings.gateway_token)


ClientAddress = Annotated[str, Depends(client_address)]
