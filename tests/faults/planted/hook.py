"""Changes modules right after they were imported, before anybody takes a name out of them."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

Patch = Callable[[Any], None]
"""Gets the module."""


def install(names: Iterable[str]) -> None:
    """Plant what `names` lists. Raises KeyError for a name that is neither a bug nor a crash point."""
    from tests.faults.planted.bugs import PATCHES
    from tests.faults.planted.crashes import patches_of
    from tests.faults.planted.names import ALL_CRASH_POINTS, BUGS, CRASH_POINTS

    wanted: dict[str, list[Patch]] = {}
    for name in filter(None, (name.strip() for name in names)):
        points = CRASH_POINTS if name == ALL_CRASH_POINTS else {name} & CRASH_POINTS.keys()
        patches = patches_of(points) if points else [PATCHES[name]] if name in BUGS else None
        if patches is None:
            raise KeyError(f"HUIYIN_PLANTED names {name}, which is neither a bug nor a crash point")
        for each in patches:
            for module, patch in each.items():
                wanted.setdefault(module, []).append(patch)
    sys.meta_path.insert(0, _Finder(wanted))


class _Finder(MetaPathFinder):
    """Finds the modules to be changed where they are, and gives them a loader that changes them."""

    def __init__(self, wanted: Mapping[str, Sequence[Patch]]) -> None:
        self._wanted = wanted

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._wanted:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Changing(spec.loader, self._wanted[fullname])
        return spec


class _Changing(Loader):
    """The module's own loader, then the patches."""

    def __init__(self, loader: Loader, patches: Sequence[Patch]) -> None:
        self._loader = loader
        self._patches = patches

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for patch in self._patches:
            patch(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # get_code, get_source …, which tracebacks and runpy ask for
