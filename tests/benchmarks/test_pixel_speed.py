"""The speed on images: points have one network and the same work for SB3 as for ours, and ratios are to the SB3 agent of the same kind."""

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.errors import ArenaError
from benchmarks import pixel_speed


@pytest.mark.parametrize("case", list(pixel_speed.CASES))
def test_every_agent_has_the_same_network_and_work(case):
    shared = {}
    for agent, settings in pixel_speed.AGENTS:
        point = pixel_speed.make_point(case, agent, settings, seed=0, seconds=1.0)
        config = build_config(agent_spec(agent).config, point["hyperparameters"], where=agent)
        assert config.network == pixel_speed.CASES[case]["network"]
        work = {name: value for name, value in point["hyperparameters"].items() if name != "backend"}
        assert shared.setdefault(agent_spec(agent).algorithm, work) == work


def test_a_table_compares_medians_with_sb3():
    measured = {0: [100.0, 300.0, 200.0], 1: [400.0, 500.0, 600.0]}
    results = {
        ("nature", index): [{"env_steps_per_cpu_second": speed, "compile_seconds": 2.0} for speed in speeds]
        for index, speeds in measured.items()
    } | {("nature", 3): [{"error": "no"}]}
    rows = pixel_speed.results_table(results).splitlines()
    assert rows[-3] == "| nature | `sb3-dqn` | 200 | 1.0 | 2.0 |"
    assert rows[-2] == "| nature | `keras-dqn` | 500 | 2.5 | 2.0 |"
    assert rows[-1] == "| nature | `tfagents-dqn` | failed | - | - |"


def test_an_unknown_case_is_refused():
    with pytest.raises(ArenaError, match=r"no case 'natur'; did you mean 'nature'\?"):
        pixel_speed.main(["--cases", "natur"])
