"""Idempotency keys: a repeated request gets the first answer and has no second effect. Kept 24 hours, never for a 5xx.

`replay` and `remember` run inside the transaction of the effect, so a crash leaves both or neither. A key counts for its caller only.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, overload

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Column, ColumnElement, DateTime, Index, Integer, LargeBinary, MetaData, Table, Text, delete, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from shared.database import execute, pipelined
from shared.problems import Problem
from shared.security.principal import Principal
from shared.web.call import refused

KEPT = timedelta(hours=24)
"""How long an answer can be had again (contract.md)."""

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

idempotency_keys = Table(
    "idempotency_keys",
    MetaData(),
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("issue_id", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("idempotency_keys_created_at", "created_at"),
    Index("idempotency_keys_issue", "issue_id"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that a caller sent with a request.

    Args:
        caller: who the key counts for.
        key: the key.
        fingerprint: SHA-256, hex, of method, path and content.
    """

    caller: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Answer:
    """What a command answers: status, a JSON document, headers such as Location or ETag."""

    status: int
    document: object
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def response(self) -> Response:
        """The answer to send."""
        return Response(orjson.dumps(self.document), self.status, dict(self.headers), "application/json")


@dataclass(frozen=True)
class StoredAnswer:
    """The first answer, as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def response(self) -> Response:
        """The answer to send again, marked as replayed."""
        return Response(self.body, self.status, {**self.headers, REPLAYED: "true"}, "application/json")


def caller_of(principal: Principal | None, address: str, secret: bytes = b"") -> str:
    """Who a key counts for: the account, or the caller's address as a keyed hash, which does not tell the address."""
    if principal is not None:
        return f"staff:{principal.subject}"
    return "address:" + hmac.new(secret or b"huiyin", address.encode(), hashlib.sha256).hexdigest()


@overload
async def claim(request: Request, caller: str, *, required: Literal[True], content: bytes | None = None) -> Claim: ...


@overload
async def claim(request: Request, caller: str, *, required: bool = False, content: bytes | None = None) -> Claim | None: ...


async def claim(request: Request, caller: str, *, required: bool = False, content: bytes | None = None) -> Claim | None:
    """The request's key, or None where it has none.

    Args:
        request: the request; its body is read unless `content` is given.
        caller: from `caller_of`, or whatever else tells callers apart, such as the digest of a tracking token.
        required: whether a missing key is refused.
        content: what makes the request the same, where that is not its body (uploads: multipart boundaries differ from try to try).

    Raises:
        Problem: 400 for a missing or malformed key.
    """
    key = request.headers.get(HEADER)
    if key is None:
        if required:
            raise Problem("idempotency_key_required", 400)
        return None
    if not _KEY.fullmatch(key):
        raise Problem("idempotency_key_invalid", 400)
    body = await request.body() if content is None else content
    head = f"{request.method}\n{request.url.path}\n".encode()
    return Claim(caller, key, hashlib.sha256(head + body).hexdigest())


async def replay(session: AsyncSession, claimed: Claim | None) -> StoredAnswer | None:
    """The first answer to this key, or None for a new key, which from now on is this transaction's.

    Raises:
        Problem: 409 while another transaction has the key; 422 when the key was used for something else.
    """
    if claimed is None:
        return None
    (found,) = await replay_each(session, [claimed])
    if isinstance(found, Problem):
        raise found
    if found is not None and found.status >= 400:
        refused(orjson.loads(found.body)["code"])
    return found


async def replay_each(session: AsyncSession, claims: Sequence[Claim]) -> list[StoredAnswer | Problem | None]:
    """What `replay` gives or raises for each of `claims`. Of those with the same key the first has it, the others are 409."""
    callers, keys = [each.caller for each in claims], [each.key for each in claims]
    async with pipelined(session):
        locks = await execute(session, _LOCK, (callers, keys))
        found = await execute(session, _FIND, (callers, keys))
    locked = dict(await locks.fetchall())
    stored = {(caller, key): row for caller, key, *row in await found.fetchall()}
    answers: list[StoredAnswer | Problem | None] = []
    taken: set[tuple[str, str]] = set()
    for turn, each in enumerate(claims, start=1):
        if not locked[turn] or (each.caller, each.key) in taken:
            answers.append(Problem("idempotency_in_flight", 409, headers={"Retry-After": "1"}))
            continue
        taken.add((each.caller, each.key))
        answers.append(await _stored(session, each, stored.get((each.caller, each.key))))
    return answers


async def _stored(session: AsyncSession, claimed: Claim, row: Sequence[Any] | None) -> StoredAnswer | Problem | None:
    """The answer in a row of this key, None where there is none or where it expired."""
    if row is None or (await session.execute(delete(idempotency_keys).where(*_same(claimed), _EXPIRED).returning(text("1")))).first():
        return None
    fingerprint, status, headers, body = row
    if fingerprint != claimed.fingerprint:
        return Problem("idempotency_key_reused", 422)
    return StoredAnswer(status, headers, body)


async def remember(session: AsyncSession, claimed: Claim | None, answer: Answer, *, issue_id: str | None = None) -> None:
    """Keep the answer for this key. Answers of 500 and above are never kept. `issue_id` lets `forget` find it when a reporter is erased."""
    if claimed is None or answer.status >= 500:
        return
    body = orjson.dumps(answer.document)
    headers = Jsonb(dict(answer.headers))
    await execute(session, _KEEP, (claimed.caller, claimed.key, claimed.fingerprint, answer.status, headers, body, issue_id))


async def once(
    session: AsyncSession, claimed: Claim | None, work: Callable[[], Awaitable[Answer]], *, issue_id: str | None = None
) -> Response:
    """The first answer again, or that of `work`, which is remembered. All inside the caller's transaction."""
    stored = await replay(session, claimed)
    if stored is not None:
        return stored.response()
    answer = await work()
    await remember(session, claimed, answer, issue_id=issue_id)
    return answer.response()


async def forget(session: AsyncSession, issue_id: str) -> int:
    """Remove the kept answers of an issue whose reporter is erased. Returns how many."""
    removed = await session.execute(delete(idempotency_keys).where(idempotency_keys.c.issue_id == issue_id).returning(text("1")))
    return len(removed.all())


async def purge_expired(session: AsyncSession) -> int:
    """Remove what is older than 24 hours. Returns how many; services call it now and then."""
    return len((await session.execute(delete(idempotency_keys).where(_EXPIRED).returning(text("1")))).all())


_LOCK = """
    SELECT turn, pg_try_advisory_xact_lock(hashtextextended(current_schema() || E'\\n' || caller || E'\\n' || key, 0))
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS claims (caller, key, turn)
    """
"""The lock is the database's own: it ends with the transaction, also when its process dies. Schemas keep services apart."""

_FIND = """
    SELECT caller, key, fingerprint, status, headers, body
    FROM idempotency_keys JOIN unnest(%s::text[], %s::text[]) AS claims (caller, key) USING (caller, key)
    """
_KEEP = "INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, body, issue_id) VALUES (%s, %s, %s, %s, %s, %s, %s)"

_EXPIRED = idempotency_keys.c.created_at < func.clock_timestamp() - KEPT


def _same(claimed: Claim) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return idempotency_keys.c.caller == claimed.caller, idempotency_keys.c.key == claimed.key
