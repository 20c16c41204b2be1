"""The demo's policy is what its script says."""

from deploy.demo.matters import matters
from deploy.demo.rules import POLICY, rendered


def test_the_policy_file_is_made_from_the_script() -> None:
    assert POLICY.read_text(encoding="utf-8") == rendered(), "run python -m deploy.demo.rules"


def test_the_script_lifts_as_often_as_the_outcome_must_say() -> None:
    climbs = [matter.climbs for matter in matters()]
    assert len(climbs) == 42
    assert (sum(each["township"] for each in climbs), sum(each["county"] for each in climbs)) == (31, 21)
