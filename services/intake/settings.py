"""Intake's variables: those of every service, and its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """What intake is told from outside, each as `HUIYIN_<NAME>`."""

    attachments_dir: Path
    """Sealed files of attachments. A backup takes it together with the database."""
    vault_keys: SecretStr | None = None
    """The vault's keys as JSON, where a key manager hands them out; without it they stand in `<secrets>/vault.keys`."""
    checkpoints: Path | None = None
    """Folder of the erasure journal; by default `checkpoints` beside the secrets folder."""

    lookup_rate_per_minute: float = Field(default=6, gt=0)
    lookup_burst: int = Field(default=10, gt=0)
    """Look-ups by one address, and of one number from anywhere: 10,000 endings of a phone number then take more than a day."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """From the variables that a running intake was given, for commands that work beside it."""
        prefix = str(cls.model_config.get("env_prefix", ""))
        values: dict[str, Any] = {name.removeprefix(prefix).lower(): value for name, value in environment.items()}
        return cls(**values)

    @property
    def checkpoints_dir(self) -> Path:
        """Folder of the erasure journal."""
        return self.checkpoints or self.secrets_dir.parent / "checkpoints"

    def tracking_url(self, token: str) -> str:
        """The link that a reporter follows."""
        return f"{self.public_url}/api/tracking/v1/public/{token}"
