"""One framework per process: hides every other one from imports.

Frameworks' switches exclude each other and must be set before the first import, so a worker may import only what its agent and its
environment declare. TensorFlow, Keras and RLlib import each other, and JAX, wherever they find them, and do without what they don't find.

One finder stands in front of all others in `sys.meta_path` and raises ModuleNotFoundError for a hidden module. A finder has no way to say
"not found, and ask no other", so code that asks `importlib.util.find_spec("torch")` would meet that error, where Python returns None for a
missing module; `find_spec` is therefore replaced by a function that returns None for a hidden module and is otherwise the same. None in
`sys.modules` would do both without either, but SciPy takes what stands there for the module (array_api_compat, `_issubclass_fast`).
"""

import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from arena.errors import HiddenModule

FRAMEWORK_MODULES = frozenset(
    {"tensorflow", "tf_agents", "tf_keras", "tensorflow_probability", "torch", "ray", "keras", "jax", "rl", "stable_baselines3"}
)
"""Top-level modules of frameworks; a worker may import those that its agent's spec and its environment declare."""


class _HidingFinder(importlib.abc.MetaPathFinder):
    """Finds nothing, and refuses the hidden modules."""

    def __init__(self) -> None:
        self.hidden: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname in self.hidden:
            raise HiddenModule(fullname)
        return None


FindSpec = Callable[[str, str | None], importlib.machinery.ModuleSpec | None]

_FINDER = _HidingFinder()


def refuse_other_frameworks(allowed: frozenset[str]) -> None:
    """Makes every framework but the `allowed` modules look as if it were not installed, in this process, from now on.

    A module that was imported already stays. Distributions are still found by `importlib.metadata`.
    """
    _hide(FRAMEWORK_MODULES - allowed)


def is_hidden(module: str) -> bool:
    """Returns whether this process hides a module."""
    return module in _FINDER.hidden


def allow_all_frameworks() -> None:
    """Undoes `refuse_other_frameworks`: for tests, which share one process."""
    _FINDER.hidden.clear()


@contextlib.contextmanager
def hidden(modules: frozenset[str]) -> Iterator[None]:
    """Makes modules look as if they were not installed, for the `with` block."""
    added = modules - _FINDER.hidden
    _hide(added)
    try:
        yield
    finally:
        _FINDER.hidden.difference_update(added)


def _hide(modules: frozenset[str]) -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
        importlib.util.find_spec = _without_hidden(importlib.util.find_spec)  # type: ignore[assignment]  # the same, but for names
    _FINDER.hidden.update(modules)


def _without_hidden(find_spec: FindSpec) -> FindSpec:
    @functools.wraps(find_spec)
    def find_visible_spec(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        try:
            return find_spec(name, package)
        except HiddenModule as error:
            if error.name == importlib.util.resolve_name(name, package):
                return None
            raise  # a package above it is hidden, which Python reports by an error for a missing one too

    return find_visible_spec
