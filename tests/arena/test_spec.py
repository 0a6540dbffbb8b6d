"""Agent specs: what they say, and one framework to a process."""

import subprocess
import sys

SCRIPT = """
import importlib.metadata, importlib.util, sys
from arena.registry import agent_spec
from arena.spec import refuse_other_frameworks
refuse_other_frameworks(frozenset({"jax"}))
for name in ("torch", "tensorflow"):
    assert importlib.util.find_spec(name) is None
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        assert error.name == name
    else:
        raise AssertionError(name)
    assert name not in sys.modules
assert importlib.util.find_spec("jax") is not None
assert importlib.metadata.version("numpy")  # distributions are still found
from scipy import stats
assert abs(stats.t.ppf(0.975, 2) - 4.303) < 1e-3  # SciPy looks in sys.modules for arrays of torch
try:
    agent_spec("rllib-dqn").load()
except Exception as error:
    print(error)
"""


def test_a_process_has_the_frameworks_that_are_allowed_and_no_other():
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout == "agent 'rllib-dqn' cannot be imported: No module named 'torch'; name 'torch' in its spec's modules\n"
