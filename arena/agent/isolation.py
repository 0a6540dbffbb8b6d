"""One framework a process: hides every other one from imports.

Frameworks' switches exclude each other and must be set before the first import, so a worker may import the one that its agent names.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

FRAMEWORK_MODULES = frozenset(
    {"tensorflow", "tf_agents", "tf_keras", "tensorflow_probability", "torch", "ray", "keras", "jax", "rl", "stable_baselines3"}
)
"""Top-level modules of frameworks: a worker may import those that its spec names, and no other."""

_refused: set[str] = set()


class _Without:
    """A finder that does not find the refused frameworks."""

    def __init__(self, finder: Any) -> None:
        self._finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return None if name in _refused else self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def refuse_other_frameworks(allowed: frozenset[str]) -> None:
    """Makes every framework but the `allowed` modules look as if it were not installed, in this process, from now on.

    TensorFlow, Keras and RLlib import each other, and JAX, wherever they find them; their switches exclude each other, and each
    import costs seconds. All of them go without what they do not find. What has been imported already stays.
    """
    _refuse(FRAMEWORK_MODULES - allowed)


@contextlib.contextmanager
def hidden(modules: frozenset[str]) -> Iterator[None]:
    """Makes modules look as if they were not installed; from then on, an environment may import them as ever."""
    added = modules - _refused
    _refuse(added)
    try:
        yield
    finally:
        _refused.difference_update(added)


def _refuse(modules: frozenset[str]) -> None:
    # None in sys.modules would do it as well, but SciPy takes what stands there for the module (array_api_compat's helpers).
    if not any(isinstance(finder, _Without) for finder in sys.meta_path):
        sys.meta_path[:] = [_Without(finder) for finder in sys.meta_path]
    _refused.update(modules)


def is_refused(module: str | None) -> bool:
    """Returns whether `module` is one that this process hides."""
    return module in _refused
