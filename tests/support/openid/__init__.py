"""A real OpenID provider (npm's oidc-provider), and a hostile one."""
