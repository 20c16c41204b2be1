"""What the four services share: contracts, the event log, messaging, security, telemetry. Never imports a service."""
