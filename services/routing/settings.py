"""Routing's own variables, beside those of every service (`shared.settings`)."""

from pathlib import Path

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """What routing is told from outside."""

    demo_folder: Path = Path(__file__).resolve().parents[2] / "deploy" / "demo"
    """Topics, units and, with HUIYIN_DEMO, the rules of the demo's labels (`policy.json`)."""

    temporal_namespace: str = "default"
    health_file: Path | None = None
    """Where the worker, which has no port, says how it is."""

    four_eyes: bool = True
    """Whether a policy is published by another administrator than the one who wrote it."""
