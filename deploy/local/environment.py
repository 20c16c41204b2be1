"""What each process of the stack is told: `HUIYIN_…` variables, secrets among them. Nothing is told to a process that does not need it."""

from collections.abc import Mapping

from deploy.local.layout import HOST, SERVICES, Layout
from deploy.local.processes import ROOT

ACTS_AS = {**{service: service for service in SERVICES}, "routing-worker": "routing", "relay": "relay", "operator": "operator"}
"""Process → its role in Postgres and user of NATS. `operator` stands for the command line."""


def environment(layout: Layout, process: str) -> Mapping[str, str]:
    """The variables of a process of the stack (or `operator`), as `shared/settings.py` and each service's settings name them."""
    variables = {
        "HUIYIN_DATA": str(layout.data),
        "HUIYIN_DEMO": str(int(layout.demo)),
        "HUIYIN_PUBLIC_URL": layout.url("gateway"),
        "HUIYIN_REGIONS_FILE": str(ROOT / "deploy" / "demo" / "regions.csv"),
        "HUIYIN_SECRETS_DIR": str(layout.data / "secrets"),
        "HUIYIN_TEMPORAL_ADDRESS": layout.temporal,
        "HUIYIN_ISSUER": f"{layout.url('gateway')}/api/routing",
        "HUIYIN_AUDIENCE": "huiyin",
        # Straight to routing: tokens are checked before the gateway is up.
        "HUIYIN_JWKS_URL": f"{layout.url('routing')}/api/routing/v1/jwks.json",
        "HUIYIN_INTAKE_URL": layout.url("intake"),
    }
    if role := ACTS_AS.get(process):
        variables["HUIYIN_DATABASE_URL"] = layout.database_url(role)
        variables["HUIYIN_NATS_URL"] = layout.nats_url("observer" if role == "operator" else role)
    if process in SERVICES:
        variables["HUIYIN_HTTP_PORT"] = str(layout.port(process))
        variables["HUIYIN_GATEWAY_TOKEN"] = layout.secrets.get("gateway-token")
    else:
        # Settings that it shares with its service ask for a port; it serves none.
        variables["HUIYIN_HTTP_PORT"] = "0"
        variables["HUIYIN_HEALTH_FILE"] = str(layout.health_file(process))
    return {**variables, **_own(layout, process)}


def _own(layout: Layout, process: str) -> dict[str, str]:
    """What only this process is told."""
    sms = {"HUIYIN_SMS_URL": f"{layout.url('sms_sink')}/messages", "HUIYIN_SMS_SECRET": layout.secrets.get("sms-secret")}
    internal = {"HUIYIN_INTERNAL_TOKEN": layout.secrets.get("internal-token")}
    match process:
        case "intake":
            return {**internal, "HUIYIN_ATTACHMENTS_DIR": str(layout.data / "attachments")}
        case "routing-worker":
            return {"HUIYIN_METRICS_PORT": str(layout.port("routing_worker_metrics"))}
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
