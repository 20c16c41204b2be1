"""How the relay is: it has no port, so it writes a file that the supervisor reads."""

import asyncio
import logging
import time
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import health_file
from shared.eventlog.checkpoints import Checkpoints
from shared.eventlog.checkpoints_keys import CheckpointKeys
from shared.eventlog.compare import Compared

_STALE = 15.0
"""Seconds without a sign of life after which the relay says itself that it is not well."""

_log = logging.getLogger(__name__)


class RelaySettings(BaseSettings):
    """Variables of the relay, prefix `HUIYIN_`."""

    model_config = SettingsConfigDict(env_prefix="HUIYIN_", frozen=True, extra="ignore")

    database_url: SecretStr
    nats_url: SecretStr
    health_file: Path | None = None
    nats_replicas: int = 1
    secrets_dir: Path | None = None
    """Where the key of the checkpoints is; without it none are signed."""
    checkpoints: Path | None = None
    """Folder of the checkpoints; by default `checkpoints` beside the secrets folder. Better on another disk than the database."""
    checkpoint_seconds: float = 60
    """At most so long after an event was published, a checkpoint covers it."""

    @property
    def signed_checkpoints(self) -> Checkpoints | None:
        """The file of checkpoints, if there is a key to sign with."""
        if self.secrets_dir is None:
            return None
        return Checkpoints(self.checkpoints or self.secrets_dir.parent / "checkpoints", CheckpointKeys(self.secrets_dir))


class Health:
    """What is in the health file: healthy, detail, at, outbox, lag_seconds, published."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._healthy = False
        self._detail = "starting"
        self._whole = True
        self._unsigned: str | None = None
        self._waiting = 0
        self._lag = 0.0
        self._published = 0
        self._seen = time.monotonic()

    def alive(self) -> None:
        """Work goes on."""
        self._seen = time.monotonic()

    def carried(self, count: int, lag: tuple[int, float]) -> None:
        """A look at the outbox is done; `count` events went out."""
        self._waiting, self._lag = lag
        self._published += count
        if self._unsigned:
            self._say(False, f"active; {self._unsigned}")
            return
        self._say(True, "active" if self._whole else "active; JetStream lacks events: run `huiyin events republish`")

    def signed(self, wrong: str | None) -> None:
        """The notary has looked; `wrong` tells why it does not sign. Events are carried all the same."""
        if wrong and wrong != self._unsigned:
            _log.error("%s", wrong)
        self._unsigned = wrong

    def compared(self, outcome: Compared) -> None:
        """Log and stream were compared."""
        self._whole = outcome.whole
        if not outcome.whole:
            _log.error("JetStream does not hold what the log holds; `huiyin events republish` mends it")

    def stands_by(self) -> None:
        """Another relay is active."""
        self._say(True, "standby")

    def waits_for(self, server: str, error: Exception) -> None:
        """A server is away."""
        self._say(False, f"waits for {server}: {type(error).__name__}")

    def _say(self, healthy: bool, detail: str) -> None:
        if detail != self._detail:
            _log.log(logging.INFO if healthy else logging.WARNING, "relay: %s", detail)
        self._healthy, self._detail = healthy, detail
        self.alive()

    def write(self) -> None:
        """Write the file."""
        if self._file is None:
            return
        stale = time.monotonic() - self._seen > _STALE
        load = {"outbox": self._waiting, "lag_seconds": round(self._lag, 3), "published": self._published}
        health_file.write(self._file, healthy=self._healthy and not stale, detail="stuck" if stale else self._detail, more=load)


async def write_every_second(health: Health) -> None:
    """Keep the file fresh until cancelled."""
    while True:
        health.write()
        await asyncio.sleep(1)
