"""Bugs and crash points that are planted into the processes of a running stack. Product code has no switch for them.

`sitecustomize.py` is imported by each process that has this folder in front of its PYTHONPATH; it reads HUIYIN_PLANTED, a comma list of
names of `BUGS` and `CRASH_POINTS` (`crash-points`: all of these), and `hook.py` changes the product's functions right after import.
"""

from tests.faults.planted.names import ALL_CRASH_POINTS, BUGS, CRASH_POINTS, Bug, Planted

__all__ = ["ALL_CRASH_POINTS", "BUGS", "CRASH_POINTS", "Bug", "Planted"]
