from typing import Any

import pydantic
import pytest

from arena.executors.base import ExecutorConfig
from arena.formats.validation import sentence, validate


def test_a_table_of_an_experiment_becomes_a_config():
    config = validate(ExecutorConfig, {"kind": "ray", "storage": "s3://bucket/runs", "node_losses": 0})
    assert config == ExecutorConfig(kind="ray", address="auto", storage="s3://bucket/runs", node_losses=0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "slurm"}, "kind='slurm': Input should be 'local' or 'ray'"),
        ({"node_losses": -1}, "node_losses=-1: Input should be greater than or equal to 0"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table: dict[str, Any], message: str):
    with pytest.raises(pydantic.ValidationError) as error:
        validate(ExecutorConfig, table)
    assert message in sentence(error.value)
