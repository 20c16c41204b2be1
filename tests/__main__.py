"""`python -m tests` is pytest whose own result is the exit code.

Python can abort while it exits after Temporal's client was used (temporalio/sdk-python #300), which would turn a green run red.
So the process ends right after pytest has reported, with the code that pytest reported.
"""

import os
import sys

import pytest

SIDE_BY_SIDE = ("-n", "3")
"""Three files at a time, also on two cores: while some wait for a deadline or a restart, another computes."""

if __name__ == "__main__":
    # Workers and services in processes of their own load the same modules: 10 s of a core for each worker, unless compiled ones are kept.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    result = pytest.main([*SIDE_BY_SIDE, *sys.argv[1:]])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(result))
