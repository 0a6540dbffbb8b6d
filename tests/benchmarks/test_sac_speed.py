"""The speed of SAC: every implementation has the same settings and work; ratios are to the faster form of a baseline, round by round."""

from pathlib import Path

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.errors import ArenaError
from benchmarks import sac_speed
from benchmarks.variants import measure_loop

FORM = {"train_period", "num_updates"}


def refuse(*_):
    raise ArenaError("no")


@pytest.mark.parametrize("width", [64, 256])
def test_every_implementation_has_the_same_settings(width, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        sac_speed, "run_point", lambda point, _: asked.update({point["agent"]: point["hyperparameters"]}) or {"error": "no"}
    )
    monkeypatch.setattr(sac_speed, "measure_peer", refuse)
    for name in sac_speed.implementations():
        assert sac_speed.measure(name, width, 0, 1.0, Path("nowhere")) == {"error": "no"}
        settings = sac_speed.settings_of(name, width)
        assert asked.get(name, settings) == settings
        assert settings["train_period"] == settings["num_updates"] == (1 if name in ("sb3", "sbx") else 32)
        expected = {**sac_speed.SETTINGS, "hidden_sizes": [width, width]}
        assert {key: value for key, value in settings.items() if key not in FORM} == {
            key: value for key, value in expected.items() if key not in FORM
        }
    assert list(asked) == ["keras-sac", "tfagents-sac", "rllib-sac"]
    for agent, settings in asked.items():
        build_config(agent_spec(agent).config, settings, where=agent)


def results(**speeds):
    """Returns results for one width, by implementation; `_` stands for what names cannot hold."""
    names = {"sb3_bursts": "sb3, in bursts", "sbx_bursts": "sbx, in bursts", "keras": "keras-sac", "rllib": "rllib-sac"}
    return {(64, names.get(name, name)): [{"speed": speed, "updates": 1.0} for speed in found] for name, found in speeds.items()}


def test_ratios_are_to_the_faster_form_within_each_round():
    found = results(sb3=[50.0, 100.0], sb3_bursts=[100.0, 40.0], sbx=[200.0, 200.0], sbx_bursts=[400.0, 250.0], keras=[800.0, 1_000.0])
    rows = sac_speed.results_table({**found, (64, "rllib-sac"): [{"error": "no"}]}).splitlines()
    assert rows[2] == "| 64 | SB3 | 75 (50 to 100) | 1.00 | 0.75 | 0.26 |"
    assert rows[5] == "| 64 | SBX, in bursts | 325 (250 to 400) | 1.00 | 3.25 | 1.00 |"
    assert rows[6] == "| 64 | `keras-sac` | 900 (800 to 1,000) | 1.00 | 9.00 | 3.00 |"
    assert rows[7] == "| 64 | `rllib-sac` | failed | - | - | - |"


def test_nothing_is_compared_with_a_baseline_that_failed():
    found = results(sb3=[50.0], sbx=[100.0], sbx_bursts=[200.0], keras=[800.0])
    rows = sac_speed.results_table({**found, (64, "sb3, in bursts"): [{"error": "no"}]}).splitlines()
    assert "| 64 | `keras-sac` | 800 (800 to 800) | 1.00 | - | 4.00 |" in rows


@pytest.mark.framework
@pytest.mark.extra
def test_a_loop_of_stable_baselines3_makes_the_updates_that_ours_makes():
    for name, env_steps in (("sb3", 40), ("sb3, in bursts", 64)):
        request = {"loop": "sb3", "env_steps": env_steps, "seed": 0, "hyperparameters": sac_speed.settings_of(name, 16)}
        measured = measure_loop(sac_speed.LOOP, request)
        assert measured["env_steps"] == measured["updates"] == env_steps
        assert set(measured["parts"]) == {"env", "act", "learn"}
