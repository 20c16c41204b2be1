"""Variables that every service reads: prefix `HUIYIN_`, e.g. `HUIYIN_HTTP_PORT`. A service's own `settings.py` adds its own."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """What a service is told from outside. Frozen; secrets do not show when it is printed."""

    model_config = SettingsConfigDict(env_prefix="HUIYIN_", frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+psycopg://role:password@host:port/huiyin`, with the service's own role."""
    nats_url: SecretStr
    """`nats://user:password@host:port`, with the service's own user."""
    temporal_address: str = "127.0.0.1:7233"

    http_host: str = "127.0.0.1"
    http_port: int
    drain_seconds: float = Field(default=0, ge=0, le=5)
    """For how long a process that was told to stop still takes requests: with other replicas, until the gateway has noticed."""
    metrics_port: int | None = None
    """Where a process without an HTTP side of its own, such as the worker, serves `/metrics`; others serve it on `http_port`."""
    public_url: str
    """Base of every link that people get: the gateway, without a slash at the end."""

    jwks_url: str
    issuer: str
    """`iss` of our own tokens."""
    audience: str = "huiyin"
    oidc_issuer: str | None = None
    """An external OpenID provider whose tokens count too; its keys are found by discovery."""
    oidc_subject_claim: str = "sub"
    """The claim that holds the name of the account; it must be one that people cannot choose for themselves."""
    oidc_role_claim: str = "role"
    oidc_regions_claim: str = "regions"
    oidc_units_claim: str = "units"

    gateway_token: SecretStr | None = None
    """Shared with the gateway. X-Forwarded-For is believed only beside an X-Huiyin-Gateway that holds it."""
    internal_token: SecretStr | None = None
    """Bearer of intake's internal port; given to intake and notify only."""
    intake_url: str | None = None

    secrets_dir: Path
    regions_file: Path = Path("deploy/demo/regions.csv")
    demo: bool = False
    trace_sql: bool = False
    """A span for each SQL statement: costs about a third of the throughput."""

    trace_viewer: str | None = Field(default=None, pattern=r"^https?://\S*\{trace_id\}\S*$")
    """Where operators see a trace, e.g. `https://jaeger.example/trace/{trace_id}`; without it pages list the last spans alone."""

    requests_at_once: int = Field(default=32, gt=0)
    """Requests at work in one process, commands and reads each; about as many as it has connections to the database."""
    requests_waiting: int = Field(default=256, ge=0)
    """Requests that stand in line before them, commands and reads each; what comes then is told 503 with Retry-After."""
    request_patience: timedelta = timedelta(seconds=5)
    """How long a request stands in line before it is told so."""

    citizen_rate_per_minute: float = Field(default=60, gt=0)
    citizen_burst: int = Field(default=60, gt=0)
    staff_rate_per_minute: float = Field(default=1200, gt=0)
    staff_burst: int = Field(default=300, gt=0)
