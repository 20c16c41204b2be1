"""A mount namespace of a program's own."""

import os
import sys

_MARK = "HUIYIN_MOUNTS_ALONE"


def alone(module: str) -> None:
    """Begin `python -m module` once more with the same words, where its mounts are nobody else's and gone with it, however it ends."""
    if os.environ.get(_MARK) != module:
        os.environ[_MARK] = module
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", module, *sys.argv[1:]])
