"""What each process of the stack is told: `HUIYIN_…` variables, secrets among them. Nothing is told to a process that does not need it."""

from collections.abc import Mapping

from deploy.local.layout import HOST, SERVICES, Layout, kind_and_number, numbered
from deploy.local.processes import ROOT

ACTS_AS = {**{service: service for service in SERVICES}, "routing-worker": "routing", "relay": "relay", "operator": "operator"}
"""Kind of process → its role in Postgres and user of NATS. `operator` stands for the command line."""

DRAIN = 2.0
"""Seconds in which a service that was told to stop still answers, while the gateway, which looks twice a second, turns to the others."""


def environment(layout: Layout, process: str) -> Mapping[str, str]:
    """The variables of a process of the stack (or `operator`), as `shared/settings.py` and each service's settings name them."""
    kind, number = kind_and_number(process)
    variables = {
        "HUIYIN_DATA": str(layout.data),
        "HUIYIN_DEMO": str(int(layout.demo)),
        "HUIYIN_PUBLIC_URL": layout.url("gateway"),
        "HUIYIN_REGIONS_FILE": str(ROOT / "deploy" / "demo" / "regions.csv"),
        "HUIYIN_SECRETS_DIR": str(layout.data / "secrets"),
        "HUIYIN_TEMPORAL_ADDRESS": layout.temporal,
        "HUIYIN_ISSUER": f"{layout.url('gateway')}/api/routing",
        "HUIYIN_AUDIENCE": "huiyin",
        # Straight to routing, for tokens are checked before the gateway is up; of several, the gateway knows one that is there.
        "HUIYIN_JWKS_URL": f"{layout.url('routing' if layout.replicas == 1 else 'gateway')}/api/routing/v1/jwks.json",
        "HUIYIN_INTAKE_URL": layout.url(numbered("intake", number)),
    }
    if role := ACTS_AS.get(kind):
        variables["HUIYIN_DATABASE_URL"] = layout.database_url(role)
        variables["HUIYIN_NATS_URL"] = layout.nats_url("observer" if role == "operator" else role)
    if kind in SERVICES:
        variables["HUIYIN_HTTP_PORT"] = str(layout.port(process))
        variables["HUIYIN_DRAIN_SECONDS"] = str(0 if layout.replicas == 1 else DRAIN)
        variables["HUIYIN_GATEWAY_TOKEN"] = layout.secrets.get("gateway-token")
    else:
        # Settings that it shares with its service ask for a port; it serves none.
        variables["HUIYIN_HTTP_PORT"] = "0"
        variables["HUIYIN_HEALTH_FILE"] = str(layout.health_file(process))
    return {**variables, **_own(layout, kind, number)}


def _own(layout: Layout, kind: str, number: int) -> dict[str, str]:
    """What only this kind of process is told."""
    sms = {"HUIYIN_SMS_URL": f"{layout.url('sms_sink')}/messages", "HUIYIN_SMS_SECRET": layout.secrets.get("sms-secret")}
    internal = {"HUIYIN_INTERNAL_TOKEN": layout.secrets.get("internal-token")}
    match kind:
        case "intake":
            return {**internal, "HUIYIN_ATTACHMENTS_DIR": str(layout.data / "attachments")}
        case "routing":
            return {"HUIYIN_TEMPORAL_UI": layout.url("temporal_ui")}
        case "routing-worker":
            return {"HUIYIN_METRICS_PORT": str(layout.port(numbered("routing_worker_metrics", number)))}
        case "relay":
            return {"HUIYIN_NATS_REPLICAS": str(layout.nats_servers)}
        case "notify":
            return {**internal, **sms, "HUIYIN_SMTP_URL": f"smtp://{HOST}:{layout.port('smtp_sink')}"}
        case "sinks":
            return {
                "HUIYIN_SMS_SINK_PORT": str(layout.port("sms_sink")),
                "HUIYIN_SMTP_SINK_PORT": str(layout.port("smtp_sink")),
                "HUIYIN_SINKS_DIR": str(layout.data / "sinks"),
                "HUIYIN_SMS_SECRET": sms["HUIYIN_SMS_SECRET"],
            }
        case _:
            return {}
