import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.agent.hyperparameters import DQNConfig, PPOConfig, build_config
from arena.errors import ArenaError
from arena.formats.validation import checked
from arena.run_folder.inputs import Budget, Resources


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"batch_size": True}, "batch_size=True: Input should be a valid integer"),
        ({"batch_size": "5"}, "batch_size='5': Input should be a valid integer"),
        ({"batch_size": 64.5}, "batch_size=64.5: Input should be a valid integer"),
        ({"batch_size": 64.0}, "batch_size=64.0: Input should be a valid integer"),
        ({"double": 1}, "double=1: Input should be a valid boolean"),
        ({"double": "true"}, "double='true': Input should be a valid boolean"),
        ({"learning_rate": "1e-3"}, "learning_rate='1e-3': Input should be a valid number"),
        ({"learning_rate": False}, "learning_rate=False: Input should be a valid number"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: Input should be a finite number"),
        ({"hidden_sizes": 64}, "hidden_sizes=64: Input should be a valid"),
        ({"hidden_sizes": [64, "64"]}, "hidden_sizes.1='64': Input should be a valid integer"),
        ({"hidden_sizes": [True]}, "hidden_sizes.0=True: Input should be a valid integer"),
        ({"activation": True}, "activation=True: Input should be 'relu' or 'tanh'"),
        ({"learning_rate": datetime.date(2026, 1, 1)}, "2026-01-01 is a date or time, which no setting takes"),
    ],
)
def test_types_are_taken_at_their_word(table: dict[str, Any], message: str):
    with pytest.raises(ArenaError) as caught:
        build_config(DQNConfig, table, where="agent 'x'")
    assert message in str(caught.value)


def test_a_whole_number_is_a_float_and_a_list_a_tuple():
    config = build_config(DQNConfig, {"learning_rate": 1, "hidden_sizes": [3], "conv_layers": [[1, 2, 3]]}, where="agent 'x'")
    assert (config.learning_rate, config.hidden_sizes, config.conv_layers) == (1.0, (3,), ((1, 2, 3),))
    assert isinstance(config.learning_rate, float)


@settings(max_examples=25)
@given(
    st.builds(
        PPOConfig,
        learning_rate=st.floats(1e-300, 1e300),
        hidden_sizes=st.lists(st.integers(1, 9), min_size=1).map(tuple),
        anneal_steps=st.integers(0, 2**63),
    )
)
def test_every_valid_config_passes_unchanged(config: PPOConfig):
    assert build_config(PPOConfig, dataclasses.asdict(config), where="it") == config


@pytest.mark.parametrize(
    ("kind", "table", "message"),
    [
        (Budget, {"env_steps": True}, "it.env_steps=True: Input should be a valid integer"),
        (Budget, {"env_steps": 1e6}, "it.env_steps=1000000.0: Input should be a valid integer"),
        (Budget, {"seconds": float("inf")}, "it.seconds=inf: Input should be a finite number"),
        (Budget, {"second": 1}, "it: unknown key 'second'; did you mean 'seconds'?"),
        (Budget, [1], "it=[1] must be a table"),
        (Resources, {"gpu_share": 1.5}, "it.gpu_share=1.5: Input should be less than or equal to 1"),
        (Resources, {"device": 3}, "it.device=3: Input should be a valid string"),
    ],
)
def test_tables_are_checked_by_key_type_and_range(kind: type, table: Any, message: str):
    with pytest.raises(ArenaError) as caught:
        checked(kind, table, "it")
    assert message in str(caught.value)
