"""`python -m tests.workflow.routing.record`: runs pytest so that it writes the histories of its workflows for `test_replay`.

Recorded once for each release whose workflows may still be running; an old file is never written again. A release that cannot replay
them restarts workflows from the log (`huiyin routing reseat --all`), which its changelog then says.
"""

import os
import subprocess
import sys

RECORD = "HUIYIN_RECORD_HISTORIES"

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-q", "tests/workflow/routing/test_ladder.py"]
    sys.exit(subprocess.run(command, env={**os.environ, RECORD: "1"}, check=False).returncode)
