import pytest

from arena.benchmark.profiles import library, markdown


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


def test_an_earlier_profile_is_one_more_column():
    now = {"cpu_seconds": 0.2, "env_steps": 1_000, "updates": 250, "libraries": {"torch": 150.0, "ray": 50.0}, "functions": {"f": 120.0}}
    before = {"cpu_seconds": 0.5, "env_steps": 1_000, "updates": 250, "libraries": {"torch": 300.0}, "functions": {}}
    text = markdown({"rllib-ppo": now}, {"rllib-ppo": before})
    assert "200 µs of CPU an env step (before: 500), 0.25 updates an env step." in text
    assert "| `torch` | 150.0 | 75% | 300.0 |" in text
    assert "| `ray` | 50.0 | 25% | - |" in text
    assert "| `f` | 120.0 | - |" in text
    assert "before" not in markdown({"rllib-ppo": now}, {})
