"""Whose tokens count in a deployment: our own, and one external OpenID provider's where settings name it."""

import httpx

from shared.security.keys import FetchedKeys, KeySource, fetch_discovered, fetch_jwks
from shared.security.tokens import EXTERNAL_ALGORITHMS, OWN_ALGORITHMS, Issuer, TokenVerifier, claims_reader
from shared.settings import CommonSettings


def token_verifier(settings: CommonSettings, client: httpx.AsyncClient, *, own_keys: KeySource | None = None) -> TokenVerifier:
    """The verifier of a service.

    Args:
        settings: says where keys are and what an external provider calls its claims.
        client: fetches keys.
        own_keys: our own keys, for routing, which needs not ask itself.
    """
    keys = own_keys or FetchedKeys(fetch_jwks(client, settings.jwks_url))
    issuers = [Issuer(settings.issuer, keys, OWN_ALGORITHMS, claims_reader(), required=("nbf", "jti"))]
    if settings.oidc_issuer and settings.oidc_issuer != settings.issuer:
        reader = claims_reader(
            subject=settings.oidc_subject_claim,
            role=settings.oidc_role_claim,
            regions=settings.oidc_regions_claim,
            units=settings.oidc_units_claim,
        )
        external = FetchedKeys(fetch_discovered(client, settings.oidc_issuer))
        issuers.append(Issuer(settings.oidc_issuer, external, EXTERNAL_ALGORITHMS, reader))
    return TokenVerifier(issuers, audience=settings.audience)
