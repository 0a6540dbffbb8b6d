import ast
import dataclasses
import inspect
import itertools

import pytest

from arena.agent.hyperparameters import DQNConfig, PPOConfig, SACConfig, TD3Config, build_config
from arena.errors import ArenaError


@pytest.mark.parametrize("config_class", [DQNConfig, PPOConfig, SACConfig, TD3Config])
def test_defaults_are_valid_and_frozen(config_class) -> None:
    config = config_class()
    assert build_config(config_class, dataclasses.asdict(config), where="it") == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.learning_rate = 1.0


@pytest.mark.parametrize("config_class", [DQNConfig, PPOConfig, SACConfig, TD3Config])
def test_every_field_is_documented_and_has_a_default(config_class) -> None:
    documented = set()
    for base in config_class.__mro__[:-1]:
        body = ast.parse(inspect.getsource(base)).body[0].body
        documented |= {
            field.target.id
            for field, following in itertools.pairwise(body)
            if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        }
    for field in dataclasses.fields(config_class):
        assert field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        assert field.name in documented


def test_a_table_changes_what_it_names() -> None:
    config = build_config(DQNConfig, {"hidden_sizes": [32], "double": True, "learning_rate": 1}, where="agent 'x'")
    assert config == DQNConfig(hidden_sizes=(32,), double=True, learning_rate=1.0)
    assert isinstance(config.learning_rate, float)


@pytest.mark.parametrize(
    ("config_class", "table", "message"),
    [
        (DQNConfig, {"learning_rat": 1e-3}, "agent 'x' has no hyperparameter 'learning_rat'; did you mean 'learning_rate'? (it has: "),
        (DQNConfig, {"gae_lambda": 0.9}, "agent 'x' has no hyperparameter 'gae_lambda' (it has: "),
        (DQNConfig, {"learning_rate": 0.0}, "agent 'x': learning_rate=0.0: "),
        (DQNConfig, {"learning_rate": "fast"}, "agent 'x': learning_rate='fast': "),
        (DQNConfig, {"batch_size": 2.5}, "agent 'x': batch_size=2.5: "),
        (DQNConfig, {"discount": 1.01}, "agent 'x': discount=1.01: "),
        (DQNConfig, {"hidden_sizes": []}, "agent 'x': hidden_sizes=[]: "),
        (DQNConfig, {"hidden_sizes": [64, 0]}, "agent 'x': hidden_sizes.1=0: "),
        (DQNConfig, {"conv_layers": [[32, 8]]}, "agent 'x': conv_layers.0.2"),
        (DQNConfig, {"network": "natur"}, "agent 'x': network='natur': "),
        (
            PPOConfig,
            {"network": "minatar", "conv_layers": [[32, 8, 4]]},
            "agent 'x': network='minatar' and conv_layers=[[32, 8, 4]] are two choices of the same layers: set one of them",
        ),
        (DQNConfig, {"activation": "gelu"}, "agent 'x': activation='gelu': "),
        (DQNConfig, {"target_update_period": 100}, "agent 'x': target_update_period=100 must be a multiple of train_period=64"),
        (DQNConfig, {"replay_capacity": 10}, "agent 'x': replay_capacity=10 is smaller than batch_size or num_envs"),
        (SACConfig, {"replay_capacity": 255}, "agent 'x': replay_capacity=255 is smaller than batch_size or num_envs"),
        (SACConfig, {"initial_alpha": 0.0}, "agent 'x': initial_alpha=0.0: "),
        (SACConfig, {"target_update_tau": 0.0}, "agent 'x': target_update_tau=0.0: "),
        (SACConfig, {"max_gradient_norm": -1.0}, "agent 'x': max_gradient_norm=-1.0: "),
        (
            SACConfig,
            {"target_entropy": -1.0},
            "agent 'x' has no hyperparameter 'target_entropy'; did you mean 'target_entropy_per_dimension'?",
        ),
        (TD3Config, {"policy_delay": 0}, "agent 'x': policy_delay=0: "),
        (TD3Config, {"policy_delay": 3}, "agent 'x': num_updates=32 must be a multiple of policy_delay=3"),
        (TD3Config, {"target_noise": float("inf")}, "agent 'x': target_noise=inf: "),
        (PPOConfig, {"batch_size": 2_000}, "agent 'x': batch_size=2000 is larger than a rollout (128 x 8 transitions)"),
        (PPOConfig, {"anneal_steps": -1}, "agent 'x': anneal_steps=-1: "),
    ],
)
def test_what_is_wrong_is_refused_by_name(config_class, table, message) -> None:
    with pytest.raises(ArenaError) as caught:
        build_config(config_class, table, where="agent 'x'")
    assert str(caught.value).startswith(message)


def test_epsilon_falls_linearly_and_stays() -> None:
    config = DQNConfig(epsilon_start=1.0, epsilon_end=0.2, epsilon_decay_steps=100)
    assert [config.epsilon(env_steps) for env_steps in (0, 50, 100, 10_000)] == pytest.approx([1.0, 0.6, 0.2, 0.2])


def test_learning_rate_anneals_to_zero_or_not_at_all() -> None:
    assert PPOConfig(learning_rate=1e-3).learning_rate_at(10**9) == 1e-3
    config = PPOConfig(learning_rate=1e-3, anneal_steps=1_000)
    assert [config.learning_rate_at(env_steps) for env_steps in (0, 250, 1_000, 2_000)] == pytest.approx([1e-3, 7.5e-4, 0.0, 0.0])


def test_target_updates_are_counted_in_bursts() -> None:
    assert DQNConfig(train_period=4, target_update_period=12).target_update_bursts == 3
    assert SACConfig(train_period=4).target_update_bursts == 1
