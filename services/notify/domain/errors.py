"""What the domain refuses."""


class UnknownIssue(LookupError):
    """An event of an issue whose `IssueRaised` was never seen: the stream was not read from its start. Retrying does not help."""


class UntoldEvent(LookupError):
    """An event that the table of turns does not name: somebody added an event and did not decide whom it concerns."""


class UnknownNotice(LookupError):
    """There is no notice with this id."""


class NoticeStillQueued(ValueError):
    """The notice has not ended yet: sending it again would tell twice."""
