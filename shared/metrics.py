"""Prometheus metrics of a process, all named `huiyin_…`; served at `/metrics` on the service's own port."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()

REQUESTS = Counter("huiyin_requests_total", "HTTP requests by route and status.", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram("huiyin_request_seconds", "Time until an HTTP request was answered.", ["service", "route"])
COMMANDS = Counter("huiyin_commands_total", "Commands by result: `ok` or the code of the refusal.", ["service", "command", "result"])

RELAY_LAG_SECONDS = Gauge("huiyin_relay_lag_seconds", "Age of the oldest event that the relay has still to publish.")
RELAY_BACKLOG = Gauge("huiyin_relay_backlog", "Events that the relay has still to publish.")
CONSUMER_LAG = Gauge("huiyin_consumer_lag", "Events that a consumer has still to take.", ["consumer"])
CONSUMER_LAG_SECONDS = Gauge(
    "huiyin_consumer_lag_seconds", "How long the last event that a consumer took had waited in the stream.", ["consumer"]
)
PARKED_EVENTS = Gauge("huiyin_parked_events", "Events that wait for an earlier version of their stream.", ["consumer"])
DEAD_LETTERS = Gauge("huiyin_dead_letters", "Events that a consumer could not take and that wait for an operator's decision.", ["consumer"])
EVENTS_CONSUMED = Counter("huiyin_events_consumed_total", "Events that a consumer took, by result.", ["consumer", "result"])

TIMER_LAG_SECONDS = Histogram(
    "huiyin_timer_lag_seconds",
    "From the instant a deadline was due to the instant its lapse was recorded.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
OPEN_ISSUES = Gauge("huiyin_open_issues", "Issues that are not closed.", ["level", "state"])
OVERDUE_UNENFORCED = Gauge("huiyin_overdue_unenforced", "Deadlines that lapsed more than 60 seconds ago and are not enforced yet.")
NOTICES = Counter("huiyin_notices_total", "Notices by kind, channel and result.", ["kind", "channel", "result"])
