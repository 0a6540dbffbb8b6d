from pathlib import Path
from typing import Any

import pytest

from arena.cli.train import parse_setting, parse_wrapper, train, with_options
from arena.environments.config import WrapperConfig
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table

FAKE = "arena.testing.fakes:FAKE_AGENT"


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return from_table({"name": "t", "output": str(tmp_path), "agents": [FAKE], "envs": ["CartPole-v1"], "resources": {"workers": 3}})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("a=1", 1),
        ("a = 0.5", 0.5),
        ("a=true", True),
        ("a=[1, 2]", [1, 2]),
        ('a="1"', "1"),
        ("a=adam", "adam"),
        ("a= adam ", "adam"),
        ("a=x=y", "x=y"),
        ("a=", ""),
    ],
)
def test_a_value_is_toml_or_a_bare_word(setting: str, value: Any):
    assert parse_setting(setting) == ("a", value)


@pytest.mark.parametrize("setting", ["a", "=1", " =1", ""])
def test_a_setting_without_a_key_or_a_value_is_refused(setting: str):
    with pytest.raises(ArenaError) as error:
        parse_setting(setting)
    assert str(error.value) == f"--set {setting!r} must be KEY=VALUE"


def test_the_command_line_changes_what_it_names_and_nothing_else(experiment: Experiment, tmp_path: Path):
    assert with_options(experiment) == experiment
    changed = with_options(experiment, tmp_path / "x", device="cpu", name="other", executor={"kind": "ray", "address": None})
    assert (changed.output, changed.name) == (tmp_path / "x", "other")
    assert (changed.resources.workers, changed.resources.device) == (3, "cpu")
    assert (changed.executor.kind, changed.executor.address) == ("ray", "auto")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "resources.*workers=-1"),
        ({"device": "tpu"}, "resources.*device='tpu'"),
        ({"name": "a/b"}, "experiment name 'a/b' must be"),
        ({"executor": {"kind": "slurm"}}, "executor.*kind='slurm'"),
    ],
)
def test_options_that_cannot_work_are_refused(experiment: Experiment, options: dict[str, Any], message: str):
    with pytest.raises(ArenaError, match=message):
        with_options(experiment, **options)


@pytest.mark.parametrize(("ended", "state"), [(True, "a finished run"), (False, "a run that --resume continues")])
def test_a_run_that_is_there_already_is_not_trained_over(experiment: Experiment, ended: bool, state: str):
    folder = experiment.path / next(experiment.runs()).name
    folder.mkdir(parents=True)
    for name in ("run.json", "result.json")[: 1 + ended]:
        (folder / name).write_text("{}")
    with pytest.raises(ArenaError) as error:
        train(FAKE, "CartPole-v1", [], {"env_steps": 10}, 0, "t", experiment.output, {}, resume=False, mode="quiet")
    assert str(error.value) == f"{folder} holds {state}; give another --name, --output or --seed"


def test_a_wrapper_that_does_not_exist_is_refused_before_work(arena, tmp_path):
    code, said = arena("train", "random", "CartPole-v1", "--wrapper", "atarii", "--output", str(tmp_path))
    assert (code, "no wrapper 'atarii'; did you mean 'atari'?" in said) == (2, True), said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "wrapper"),
    [
        ("atari", WrapperConfig("atari")),
        ("atari()", WrapperConfig("atari")),
        (" atari( size = 96, ) ", WrapperConfig("atari", {"size": 96})),
        ("a.b:Clip(low=-1.0, parts=['x', \"y)\"], on=true)", WrapperConfig("a.b:Clip", {"low": -1.0, "parts": ["x", "y)"], "on": True})),
    ],
)
def test_a_wrapper_on_the_command_line_takes_arguments_as_in_a_file(text: str, wrapper: WrapperConfig):
    assert parse_wrapper(text) == wrapper


@pytest.mark.parametrize("text", ["atari(size=96", "atari(96)", "atari(size=os)", "atari(size=True)", "atari(a=1)(b=2)"])
def test_arguments_of_a_wrapper_that_are_no_values_are_refused(text: str):
    with pytest.raises(ArenaError, match=r"--wrapper .*KEY=VALUE, \.\.\."):
        parse_wrapper(text)
