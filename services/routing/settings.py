"""Routing's own variables, beside those of every service (`shared.settings`)."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """What routing is told from outside."""

    # The whole of what was given would stand in the error of a check that concerns two variables: secrets, too.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    demo_folder: Path = Path(__file__).resolve().parents[2] / "deploy" / "demo"
    """Topics, units and, with HUIYIN_DEMO, the rules of the demo's labels (`policy.json`)."""

    temporal_namespace: str = "default"
    temporal_ui: str | None = Field(default=None, pattern=r"^https?://\S*[^/\s]$")
    """Base of Temporal's own pages, without a slash at the end; with it operators get a link to an issue's workflow."""
    health_file: Path | None = None
    """Where the worker, which has no port, says how it is."""

    four_eyes: bool = True
    """Whether a policy is published by another administrator than the one who wrote it."""

    oidc_client_id: str | None = None
    """What `oidc_issuer` knows us as. With it staff may sign in there; `oidc_subject_claim` then names their account here."""
    oidc_client_secret: SecretStr | None = None
    """None: a public client, which proves itself by PKCE alone."""
    oidc_client_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    """How the secret is shown, as registered at the provider."""
    oidc_scopes: str = "openid profile"
    oidc_name_zh: str = "单位统一身份认证"
    oidc_name_en: str = "your organisation's account"
    """What the button calls the provider: "Sign in with …"."""

    @model_validator(mode="after")
    def _openid_is_whole_and_safe(self) -> Self:
        if not self.oidc_client_id:
            return self
        if not self.oidc_issuer or not is_safe(self.oidc_issuer):
            raise ValueError("HUIYIN_OIDC_CLIENT_ID needs HUIYIN_OIDC_ISSUER: https, or http on this machine")
        if self.oidc_client_id == self.audience:
            raise ValueError("HUIYIN_OIDC_CLIENT_ID must not be HUIYIN_AUDIENCE: an ID token would pass for an access token")
        if "openid" not in self.oidc_scopes.split():
            raise ValueError("HUIYIN_OIDC_SCOPES must hold openid")
        return self


def is_safe(address: str) -> bool:
    """Whether what is sent there can be read by nobody on the way: https, or a server on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
