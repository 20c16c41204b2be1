"""The envelope of every event: CloudEvents 1.0, structured JSON, with Huiyin's extensions and the hash chain.

The hash of an event is SHA-256, hex, over the RFC 8785 form of the envelope without `hash`. orjson with sorted keys writes that form as
long as keys are ASCII and numbers are integers; `tests/contract` compares it with the reference implementation.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.event import Event, event_class

E = TypeVar("E", bound=Event, covariant=True)

SCHEMA_URI = "urn:huiyin:schema:"


Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256, hex."""

MOST_VERSIONS = 2**31 - 1
"""Of a stream: what the log's column and every watermark hold."""

NonEmpty = Annotated[str, Field(min_length=1)]
"""CloudEvents allows no empty attribute."""


class Envelope(BaseModel):
    """A CloudEvent of Huiyin as it stands in the log and in JetStream. An attribute without a value is absent, never null."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    specversion: Literal["1.0"]
    id: NonEmpty
    """UUIDv7; also the header `Nats-Msg-Id`."""
    source: Annotated[str, Field(pattern="^/huiyin/[a-z]+$")]
    """The service that emitted it: `/huiyin/<service>`."""
    type: NonEmpty
    """`huiyin.<aggregate>.<EventName>.v<version>`."""
    subject: NonEmpty
    """The stream that it belongs to; of an issue its id."""
    time: AwareDatetime
    """When it was recorded, by the clock of the log's database."""
    datacontenttype: Literal["application/json"]
    dataschema: NonEmpty
    """Absolute URI of the schema of `data`."""
    region: Annotated[str, Field(pattern="^[0-9]{12}$")] | None = None
    """12-digit code of the issue's village; absent where no region is concerned."""
    streamversion: Annotated[int, Field(ge=1)]
    """1, 2, 3 … per stream, all services together, without gaps."""
    correlationid: NonEmpty
    """The same for all that one request or timer brought about."""
    causationid: NonEmpty | None = None
    """Id of the event that brought this one about."""
    traceparent: NonEmpty | None = None
    """W3C trace context; also a NATS header."""
    prevhash: Digest | None = None
    """`hash` of the version before; absent at version 1."""
    hash: Digest
    """SHA-256, hex, over the RFC 8785 form of this event without `hash`."""
    data: dict[str, Any]
    """What the event says; each type has a schema of its own."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event that is in the log, with what the log knows of it. `stream` is the aggregate's id, `version` counts from 1."""

    id: str
    source: str
    stream: str
    version: int
    time: datetime
    region: str | None
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    prev_hash: str | None
    hash: str
    data: E

    @property
    def name(self) -> str:
        """The event's name, which is its class's."""
        return type(self.data).__name__


class BadEnvelope(ValueError):
    """Bytes that are no event of Huiyin: bad JSON, a missing field, an unknown type, data that its contract refuses."""


def canonical(envelope: dict[str, Any]) -> bytes:
    """RFC 8785 form of an envelope whose keys are ASCII and whose numbers are integers."""
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def seal(recorded: dict[str, Any]) -> tuple[bytes, str]:
    """The exact bytes to store and publish, and their hash, from an envelope without `hash`."""
    body = canonical(recorded)
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + b',"hash":"' + digest.encode() + b'"}', digest


def hash_of(body: bytes | str) -> str:
    """The hash that stored bytes ought to carry."""
    envelope = orjson.loads(body)
    envelope.pop("hash", None)
    return hashlib.sha256(canonical(envelope)).hexdigest()


def unsealed(
    event: Event,
    *,
    id: str,
    source: str,
    stream: str,
    version: int,
    time: datetime,
    region: str | None,
    correlation_id: str,
    causation_id: str | None,
    traceparent: str | None,
    prev_hash: str | None,
) -> dict[str, Any]:
    """The envelope of `event` without its hash; absent values are left out, as CloudEvents wants."""
    envelope = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": event.type_name(),
        "subject": stream,
        "time": time.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_URI + event.type_name(),
        "region": region,
        "streamversion": version,
        "correlationid": correlation_id,
        "causationid": causation_id,
        "traceparent": traceparent,
        "prevhash": prev_hash,
        "data": event.model_dump(mode="json"),
    }
    return {name: value for name, value in envelope.items() if value is not None}


def parse(body: bytes | str) -> Recorded[Event]:
    """Read stored or published bytes. Raises `BadEnvelope`; a retry does not help."""
    try:
        envelope = Envelope.model_validate_json(body)
        data = event_class(envelope.type).model_validate(envelope.data)
    except ValueError as error:
        raise BadEnvelope(str(error)) from error
    if envelope.streamversion > MOST_VERSIONS or any("\0" in name for name in (envelope.id, envelope.subject, envelope.correlationid)):
        raise BadEnvelope("no database holds that")
    return Recorded(
        id=envelope.id,
        source=envelope.source,
        stream=envelope.subject,
        version=envelope.streamversion,
        time=envelope.time,
        region=envelope.region,
        correlation_id=envelope.correlationid,
        causation_id=envelope.causationid,
        traceparent=envelope.traceparent,
        prev_hash=envelope.prevhash,
        hash=envelope.hash,
        data=data,
    )
