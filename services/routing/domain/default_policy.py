"""The default policy as data (domain.md, "Default deadlines" and the timer table). Administrators replace it by publishing another."""

from services.routing.domain.policy import rule

DEFAULT_RULES = (
    rule(
        "everything",
        {},
        accept="1 working_days",
        arbitration="1 working_days",
        interim="15 working_days",
        answer="1 working_days",
        rating="7 days",
        visit="3 working_days",
        visit_again="1 working_days",
        suspension="20 working_days",
        supervise_notice="1 working_days",
        supervise_criticism="5 working_days",
        reopening="30 days",
    ),
    rule("village", {"level": "village"}, handle="5 working_days"),
    rule("township", {"level": "township"}, handle="10 working_days"),
    rule("county", {"level": "county"}, handle="15 working_days"),
    rule("urgent", {"priority": "urgent"}, accept="2 hours"),
    rule("emergency", {"priority": "emergency"}, accept="30 minutes"),
    rule("village-urgent", {"level": "village", "priority": "urgent"}, handle="24 hours"),
    rule("township-urgent", {"level": "township", "priority": "urgent"}, handle="48 hours"),
    rule("county-urgent", {"level": "county", "priority": "urgent"}, handle="72 hours"),
    rule("village-emergency", {"level": "village", "priority": "emergency"}, handle="2 hours"),
    rule("township-emergency", {"level": "township", "priority": "emergency"}, handle="4 hours"),
    rule("county-emergency", {"level": "county", "priority": "emergency"}, handle="8 hours"),
)
