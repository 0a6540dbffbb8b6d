"""Public checks and fakes: `check_agent` and its companions, which every agent passes here or elsewhere, and fakes without a framework.

Each name is imported at its first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.testing.checks import check_agent as check_agent
    from arena.testing.checks import check_learns as check_learns
    from arena.testing.checks import check_policy as check_policy
    from arena.testing.fakes import FAKE_AGENT as FAKE_AGENT
    from arena.testing.fakes import FakeAgent as FakeAgent
    from arena.testing.fakes import FakeConfig as FakeConfig
    from arena.testing.fakes import FakeEnv as FakeEnv
    from arena.testing.fakes import FakeVectorEnv as FakeVectorEnv
    from arena.testing.fakes import Script as Script

_HOMES = {
    "arena.testing.checks": ("check_agent", "check_learns", "check_policy"),
    "arena.testing.fakes": ("FAKE_AGENT", "FakeAgent", "FakeConfig", "FakeEnv", "FakeVectorEnv", "Script"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'arena.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
