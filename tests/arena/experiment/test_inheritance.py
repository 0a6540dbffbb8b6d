from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment.file import from_toml
from arena.experiment.inheritance import load_table, merged

FAKE = "arena.testing.fakes:FAKE_AGENT"


def test_files_extend_each_other_relative_to_themselves(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "root.toml").write_text('name = "root"\nseeds = [1, 2]\n[budget]\nenv_steps = 5000\ntarget_return = 7\n')
    (tmp_path / "parts" / "base.toml").write_text(
        f'extends = "root.toml"\nagents = ["{FAKE}"]\nenvs = ["CartPole-v1"]\n[hyperparameters.dqn]\ndouble = true\n'
        "[hyperparameters.fake]\nepsilon = 0.5\n[tuning.fake]\ntrials = 3\n"
    )
    (tmp_path / "child.toml").write_text('extends = "parts/base.toml"\nseeds = [3]\n[budget]\nenv_steps = 6000\n')
    experiment = from_toml(tmp_path / "child.toml")
    assert (experiment.name, experiment.seeds) == ("child", (3,)), "lists are replaced, and a name is not inherited"
    assert (experiment.budget.env_steps, experiment.budget.target_return) == (6_000, 7.0), "tables are merged"
    assert experiment.agents[0].hyperparameters["epsilon"] == 0.5, "and a parent's block for an agent that is not here is no error"
    assert experiment.agents[0].tuning == {"trials": 3}
    table, inherited = load_table(tmp_path / "child.toml")
    assert (table["budget"]["env_steps"], inherited["budget"]["env_steps"]) == (6_000, 5_000)


def test_a_file_that_extends_itself_is_refused(tmp_path: Path):
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(ArenaError, match=r"b\.toml extends a\.toml, which extends it in turn"):
        from_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text('extends = "absent.toml"\n')
    with pytest.raises(ArenaError, match=r"cannot read .*absent\.toml, which a\.toml extends: No such file"):
        from_toml(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("extends = 3\n")
    with pytest.raises(ArenaError, match=r"extends=3 must be the path of a file"):
        from_toml(tmp_path / "a.toml")


def test_merging_takes_tables_key_by_key_and_replaces_the_rest():
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 3, "c": {"z": 1}}
    assert merged(base, {"a": {"y": [9]}, "c": 4, "d": {}}) == {"a": {"x": 1, "y": [9]}, "b": 3, "c": 4, "d": {}}
    assert base["a"] == {"x": 1, "y": [1, 2]}


def test_malformed_toml_names_file_and_line(tmp_path: Path):
    path = tmp_path / "broken.toml"
    path.write_text('agents = ["random"]\nenvs = [\n')
    with pytest.raises(ArenaError, match=r"broken\.toml is not valid TOML: .*(line|end of document)"):
        from_toml(path)
    with pytest.raises(ArenaError, match=r"cannot read .*absent\.toml: No such file"):
        from_toml(tmp_path / "absent.toml")
