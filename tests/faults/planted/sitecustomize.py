"""Python imports this by its name at the start of every process that has this folder on its PYTHONPATH, and then what it hid."""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

import proxied as proxied  # rewrites addresses, where HUIYIN_PROXIED asks for it

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]


def _run_the_one_behind() -> None:
    """Another `sitecustomize` further down the path does its work as if this one were not there."""
    behind = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("HUIYIN_PLANTED"):
    if str(_ROOT) not in sys.path:
        sys.path.append(str(_ROOT))  # behind everything else: `-m` puts the same folder in front later
    from tests.faults.planted.hook import install

    install(os.environ["HUIYIN_PLANTED"].split(","))

_run_the_one_behind()
