"""The speed on images: points have one network and the same work for SB3 as for ours, and ratios are to the SB3 agent of the same kind."""

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.errors import ArenaError
from benchmarks import pixel_speed


@pytest.mark.parametrize("case", list(pixel_speed.CASES))
def test_every_agent_has_the_same_network_and_work(case):
    shared = {}
    for agent, backend in pixel_speed.AGENTS:
        point = pixel_speed.make_point(case, agent, {"backend": backend} if backend else {}, seed=0, seconds=1.0)
        config = build_config(agent_spec(agent).config, point["hyperparameters"], where=agent)
        assert config.network == pixel_speed.CASES[case]["network"]
        work = {name: value for name, value in point["hyperparameters"].items() if name != "backend"}
        assert shared.setdefault(agent_spec(agent).algorithm, work) == work


def test_a_table_compares_each_round_with_the_baselines_before():
    measured = {
        ("nature", "sb3-dqn", ""): [100.0, 300.0, 200.0],
        ("nature", "cleanrl-dqn", ""): [50.0, 50.0, 100.0],
        ("nature", "keras-dqn", "jax"): [400.0, 600.0, 500.0],
        ("minatar", "sb3-dqn", ""): [10.0, 10.0, 10.0],
        ("minatar", "keras-dqn", "jax"): [20.0, 20.0, 20.0],
    }
    results = {case: [{"env_steps_per_cpu_second": speed} for speed in speeds] for case, speeds in measured.items()}
    rows = pixel_speed.results_table(results | {("minatar", "tfagents-dqn", ""): [{"error": "no"}]}).splitlines()[2:]
    assert rows == [
        "| nature | `sb3-dqn` | 200 (100 to 300) | 1.0 | - |",
        "| nature | `cleanrl-dqn` | 50 (50 to 100) | 0.5 | 1.0 |",
        "| nature | `keras-dqn`, jax | 500 (400 to 600) | 2.5 | 8.0 |",
        "| minatar | `sb3-dqn` | 10 (10 to 10) | 1.0 | - |",
        "| minatar | `keras-dqn`, jax | 20 (20 to 20) | 2.0 | - |",
        "| minatar | `tfagents-dqn` | failed | - | - |",
    ]


def test_scripts_of_cleanrl_are_measured_where_they_have_the_network():
    found = pixel_speed.cases(["nature", "minatar"], with_cleanrl=True)
    assert [agent for case, agent, _ in found if case == "nature"][:3] == ["sb3-dqn", "cleanrl-dqn", "keras-dqn"]
    assert not any(agent.startswith("cleanrl") for case, agent, _ in found if case == "minatar")


def test_another_folder_than_a_checkout_of_cleanrl_is_refused(tmp_path):
    with pytest.raises(ArenaError, match=r"is not a checkout of CleanRL: it has no cleanrl/dqn_atari\.py"):
        pixel_speed.main(["--cleanrl", str(tmp_path)])


def test_an_unknown_case_is_refused():
    with pytest.raises(ArenaError, match=r"no case 'natur'; did you mean 'nature'\?"):
        pixel_speed.main(["--cases", "natur"])
