import sys
from pathlib import Path

import pytest

from benchmarks.profiles import library, markdown, shares
from benchmarks.variants import measure_loop


@pytest.mark.parametrize(
    ("file", "name", "owner"),
    [
        ("~", "<built-in method torch._C._nn.linear>", "kernels"),
        ("~", "<built-in method tensorflow.python._pywrap_tfe.TFE_Py_Execute>", "kernels"),
        ("~", "<built-in method numpy.array>", "numpy"),
        ("~", "<built-in method builtins.isinstance>", "Python"),
        ("/x/lib/python3.11/site-packages/ray/rllib/core/learner/learner.py", "update", "ray"),
        ("/x/lib/python3.11/site-packages/typing_extensions.py", "f", "typing_extensions"),
        ("/x/lib/python3.11/typing.py", "__instancecheck__", "Python"),
        ("/clone/agents/arena_rllib/learner.py", "update", "arena_rllib"),
        ("/clone/arena/transitions.py", "step", "arena"),
    ],
)
def test_functions_belong_to_libraries(file: str, name: str, owner: str):
    assert library(file, name) == owner


def test_both_sides_stand_beside_each_other():
    now = {"cpu_seconds": 0.2, "env_steps": 1_000, "updates": 250, "libraries": {"torch": 150.0, "ray": 50.0}, "functions": {"f": 120.0}}
    own = {"cpu_seconds": 0.5, "env_steps": 1_000, "updates": 240, "libraries": {"torch": 300.0}, "functions": {"a|b": 1_000.0}}
    text = markdown({"rllib-ppo": {"arena": now, "baseline": {**own, "label": "train()"}}})
    assert "CPU time an env step: 500 µs in train(), 200 µs here, at 0.24 and 0.25 updates an env step." in text
    assert "| `torch` | 300.0 | 100% | 150.0 | 75% |" in text
    assert "| `ray` | - | - | 50.0 | 25% |" in text
    assert "| `f` | 120.0 |" in text
    assert "| `a/b` | 1,000.0 |" in text


LOOP = """
import time
from benchmarks.child.probe import LoopProbe

def slow():
    return sum(range(200_000))

def not_measured():
    return sum(range(2_000_000))

probe = LoopProbe()
not_measured()
probe.begin()
slow()
probe.finish(env_steps=100, updates=7)
"""


@pytest.mark.worker
def test_a_loop_is_profiled_from_begin_to_finish_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "profiled_loop.py").write_text(LOOP)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")
    request = {"loop": "x", "env_steps": 100, "seed": 0, "hyperparameters": {}}
    found = measure_loop("profiled_loop", request, profiled=True)
    assert (found["env_steps"], found["updates"]) == (100, 7)
    names = {name for _, name, _ in found["own"]}
    assert "slow" in names
    assert "not_measured" not in names
    assert shares(found["own"], 100)["libraries"]["Python"] > 0.0
