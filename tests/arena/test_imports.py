"""The core, the environments and every spec are imported without any framework, in a process of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import importlib, pkgutil, sys
hidden = sys.argv[1:]
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is hidden", name=name)
sys.meta_path.insert(0, Hide())
import arena
from arena.agent.isolation import FRAMEWORK_MODULES
names = [module.name for module in pkgutil.walk_packages(arena.__path__, "arena.") if not module.name.endswith("__main__")]
names = [name for name in names if not ("starlette" in hidden and name in ("arena.serve.app", "arena.serve.server", "arena.cli.serve"))]
names = [name for name in names if not ("optuna" in hidden and name.startswith(("arena.tuning.", "arena.cli.tune")))]
for name in names:
    importlib.import_module(name)
import arena_envs, arena_envs.probes, arena_envs.references
from arena.agent.registry import agent_ids, agent_spec
for name in agent_ids():
    spec = agent_spec(name)
    config = spec.config()
    spec.process_env_for(config), spec.modules_for(config)
found = sorted(name for name in FRAMEWORK_MODULES if name in sys.modules)
print(len(names), len(agent_ids()), *found)
"""
FRAMEWORKS = ("jax", "keras", "ray", "rl", "tensorflow", "tf_agents", "tf_keras", "torch")
EXTRAS = (
    "Box2D",
    "optuna",
    "ai_edge_litert",
    "h11",
    "imageio_ffmpeg",
    "pyarrow",
    "py_mini_racer",
    "stable_baselines3",
    "starlette",
    "uvicorn",
)


def check_imports(*hidden: str) -> None:
    process = subprocess.run([sys.executable, "-c", SCRIPT, *hidden], capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr
    num_modules, num_agents, *found = process.stdout.split()
    assert int(num_modules) >= 100
    assert int(num_agents) >= 10
    assert found == []


@pytest.mark.worker
def test_the_core_and_every_spec_are_imported_where_only_the_core_is_installed() -> None:
    check_imports(*FRAMEWORKS, *EXTRAS)


@pytest.mark.extra
@pytest.mark.worker
def test_no_framework_is_imported_by_the_core_or_a_spec() -> None:
    check_imports()


@pytest.mark.worker
def test_the_environments_are_cheap_to_import() -> None:
    script = "import sys, gymnasium; before = set(sys.modules); import arena_envs; print(*sorted(set(sys.modules) - before))"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert process.stdout.split() == ["arena_envs"]
