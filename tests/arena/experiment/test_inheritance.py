import os
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


def test_only_regular_files_of_a_bounded_size_and_depth_are_read(tmp_path: Path):
    path, pipe = tmp_path / "mine.toml", tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for extended, words in (("/dev/zero", "a pipe, a socket or a device"), (str(pipe), "a pipe"), (str(tmp_path), "a folder")):
        path.write_text(f'extends = "{extended}"\n')
        with pytest.raises(ArenaError, match=rf"{extended} is {words}"):
            load_table(path)
    for text in ("a = " + "[" * 3_000 + "]" * 3_000, "a" + ".a" * 3_000 + " = 1", f"a = {'[' * 100}{']' * 100}"):
        path.write_text(text)
        with pytest.raises(ArenaError, match=r"mine\.toml.*nested"):
            load_table(path)
    path.write_text("#" * 2**22 + "\n")
    with pytest.raises(ArenaError, match=r"mine\.toml has more than"):
        load_table(path)


def test_a_file_may_be_given_as_a_link(tmp_path: Path):
    (tmp_path / "real.toml").write_text("seeds = 3\n")
    (tmp_path / "link.toml").symlink_to("real.toml")
    assert load_table(tmp_path / "link.toml")[0] == {"seeds": 3}
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(ArenaError, match=r"loop\.toml"):
        load_table(tmp_path / "loop.toml")


def test_files_that_extend_ever_more_files_are_refused(tmp_path: Path):
    for number in range(30):
        (tmp_path / f"{number}.toml").write_text(f'extends = ["{number + 1}.toml", "{number + 1}.toml"]\n')
    (tmp_path / "30.toml").write_text("seeds = 3\n")
    with pytest.raises(ArenaError, match=r"0\.toml extends more than 100 files"):
        load_table(tmp_path / "0.toml")
