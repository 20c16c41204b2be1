"""A small model of an issue's life: domain.md's state table, and the few conditions that its rows name. It knows nothing of the product.

A cell says which state follows: `=` the same, `–` refused with 409, `A↑` assigned one level up (at the top: reopened there).
"""

from dataclasses import dataclass, replace

STATES = ("assigned", "in_progress", "suspended", "in_arbitration", "referred", "resolved", "answered", "visit_due", "closed")
LADDER = ("village", "township", "county")
TOP = LADDER[-1]

TABLE = """
accept              | in_progress | –         | –           | –        | –        | –        | –      | –      | –
report-progress     | =           | =         | =           | =        | =        | –        | –      | –      | –
resolve             | resolved    | resolved  | –           | –        | resolved | –        | –      | –      | –
request-escalation  | A↑          | A↑        | –           | –        | –        | –        | –      | –      | –
return              | assigned    | –         | –           | –        | –        | –        | –      | –      | –
arbitrate           | –           | –         | –           | assigned | –        | –        | –      | –      | –
reassign            | =           | =         | =           | –        | =        | –        | –      | –      | –
reclassify          | =           | =         | =           | –        | =        | –        | –      | –      | –
invite              | –           | =         | =           | –        | =        | –        | –      | –      | –
suspend             | –           | suspended | –           | –        | –        | –        | –      | –      | –
resume              | –           | –         | in_progress | –        | –        | –        | –      | –      | –
request-extension   | –           | =         | –           | –        | –        | –        | –      | –      | –
decide-extension    | –           | =         | –           | –        | –        | –        | –      | –      | –
refer               | –           | referred  | –           | –        | –        | –        | –      | –      | –
supervise           | =           | =         | =           | =        | =        | =        | =      | =      | –
content             | –           | –         | –           | –        | –        | closed   | closed | closed | –
not_content         | –           | –         | –           | –        | –        | A↑       | A↑     | A↑     | –
reopen              | –           | –         | –           | –        | –        | A↑       | A↑     | A↑     | A↑
satisfied           | –           | –         | –           | –        | –        | closed   | closed | closed | =
dissatisfied        | –           | –         | –           | –        | –        | A↑       | A↑     | A↑     | A↑
reopening           | –           | –         | –           | –        | –        | A↑       | A↑     | A↑     | A↑
withdrawal          | closed      | closed    | closed      | closed   | closed   | closed   | closed | closed | =
delivered           | =           | =         | =           | =        | =        | answered | =      | =      | =
"""
CELLS: dict[str, dict[str, str]] = {
    row[0]: dict(zip(STATES, row[1:], strict=True))
    for row in ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
}
STAFF = tuple(CELLS)[: tuple(CELLS).index("satisfied")]
VISITS = {"content": "record-return-visit", "not_content": "record-return-visit"}
"""Rows of the table that are one command."""

ADVANCE: dict[str, frozenset[str]] = {
    "assigned": frozenset({"assigned"}),
    "in_progress": frozenset({"in_progress", "assigned"}),
    "suspended": frozenset({"suspended", "in_progress", "assigned"}),
    "in_arbitration": frozenset({"in_arbitration", "assigned"}),
    "referred": frozenset({"referred"}),
    "resolved": frozenset({"resolved", "visit_due"}),
    "answered": frozenset({"answered", "visit_due"}),
    "visit_due": frozenset({"visit_due"}),
    "closed": frozenset({"closed"}),
}
"""What a state may be after some days by the timer table."""

UNVERSIONED = frozenset({"report-progress", "delivered"})
"""What leaves the version as it was (contract.md)."""


@dataclass(frozen=True)
class Model:
    """One issue, as the table knows it.

    Args:
        state: of `STATES`.
        level: of `LADDER`.
        returns: how often this level returned it.
        suspensions: how often it was suspended at this level.
        extension: whether an extension is asked for and not decided.
        extended: how often one was granted at this level.
        supervised: whether it was urged since time last passed.
        resolutions: how often it was resolved.
    """

    state: str = "assigned"
    level: str = "village"
    returns: int = 0
    suspensions: int = 0
    extension: bool = False
    extended: int = 0
    supervised: bool = False
    resolutions: int = 0

    def possible(self, row: str) -> bool:
        """Whether the state allows it at this level, whoever asks."""
        if CELLS[row][self.state] == "–":
            return False
        match row:
            case "request-escalation":
                return self.level != TOP
            case "refer":
                return self.level == TOP
            case "invite" | "return":
                return self.level != LADDER[0]
            case "request-extension":
                return not self.extension
            case "decide-extension":
                return self.extension
            case _:
                return True

    def allowed(self) -> set[str]:
        """Commands of staff that a 409 names; `complete-task` is left to those who have one."""
        return {VISITS.get(row, row) for row in STAFF if self.possible(row)}

    def used_up(self, row: str) -> bool:
        """Whether a limit of the policy is reached: 422 rather than what the table says."""
        match row:
            case "suspend":
                return self.suspensions >= 3
            case "request-extension":
                return self.extended >= 2
            case "supervise":
                return self.supervised
            case _:
                return False

    def after(self, row: str) -> "Model":
        """The issue once it was done."""
        cell = CELLS[row][self.state]
        if cell == "A↑":
            if row == "dissatisfied" and self.resolutions >= 3:
                return replace(self, state="visit_due")
            return self._lifted(LADDER[min(LADDER.index(self.level) + 1, len(LADDER) - 1)])
        if row == "return":
            return replace(self, returns=self.returns + 1, state="in_arbitration" if self.returns else "assigned")
        return replace(
            self,
            state=self.state if cell == "=" else cell,
            suspensions=self.suspensions + (row == "suspend"),
            extension=row == "request-extension" or (self.extension and row not in ("decide-extension", "resolve", "refer")),
            extended=self.extended + (row == "decide-extension"),
            supervised=self.supervised or row == "supervise",
            resolutions=self.resolutions + (row == "resolve"),
        )

    def _lifted(self, level: str) -> "Model":
        return Model("assigned", level, supervised=self.supervised, resolutions=self.resolutions)

    def waited(self, state: str, level: str, happened: set[str]) -> "Model":
        """The issue after some time, as it is then. Raises AssertionError where no timer does that."""
        climbed = LADDER.index(level) - LADDER.index(self.level)
        assert climbed in (0, 1), f"from {self.level} to {level} at once"
        assert state in ADVANCE[self.state], f"from {self.state} to {state} by itself"
        if climbed:
            assert state == "assigned"
            return replace(self._lifted(level), supervised=False)
        return replace(self, state=state, supervised=False, extension=self.extension and "ExtensionDecided" not in happened)
