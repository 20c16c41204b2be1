"""Faults, one module a row of the table in the specification: `ALL` may overlap at will, `ALONE` are damage and need a schedule each.

| fault | module |
|---|---|
| kill -9, pause, Postgres crash | `processes` |
| network | `network`, on `proxy` and `proxies` |
| SMS gateway, mail server | `gateways` |
| duplicate, reordered, poison messages | `messages` |
| Temporal's database or JetStream's folder gone | `losses` |
| bit rot | `rot` |
| power cut, disk full | `tests.faults.power_cut`, `tests.faults.disk_full`: a machine of their own |
| bad deploy | replays of recorded histories in `tests/workflow` |
"""

from collections.abc import Callable, Mapping

from tests.faults.injectors.base import Fault, NotStruck, Target
from tests.faults.injectors.gateways import mail, sms
from tests.faults.injectors.losses import JetStreamLost, TemporalLost
from tests.faults.injectors.messages import Copies, Poison, Reordered
from tests.faults.injectors.network import answer_lost, cut, delay, half_open
from tests.faults.injectors.processes import Kill, Pause, PostgresCrash
from tests.faults.injectors.proxies import Proxies
from tests.faults.injectors.rot import EditedRow, RottenBlock

__all__ = ["ALL", "ALONE", "Fault", "NotStruck", "Proxies", "Target"]


def _named(*makers: Callable[[], Fault]) -> Mapping[str, Callable[[], Fault]]:
    return {maker().name: maker for maker in makers}


ALL = _named(
    lambda: Kill("kill-one", 1),
    lambda: Kill("kill-several", 4),
    lambda: Kill("kill-all", None),
    Pause,
    PostgresCrash,
    cut,
    delay,
    half_open,
    answer_lost,
    sms,
    mail,
    Poison,
    Copies,
    Reordered,
    TemporalLost,
    JetStreamLost,
)
"""Name → a new fault."""

ALONE = _named(RottenBlock, EditedRow)
"""Name → a new fault that is damage: `strike` also verifies, `heal` mends and verifies again."""
