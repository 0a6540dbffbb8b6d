from pathlib import Path

from arena.run_folder.folder import RunDir


def test_a_checkpoint_counts_once_it_is_committed_and_replaces_the_last_but_one(tmp_path: Path):
    files = RunDir(tmp_path)
    assert files.latest_checkpoint() is None
    first = files.new_checkpoint(100)
    assert files.latest_checkpoint() is None
    files.commit_checkpoint(first)
    assert files.latest_checkpoint() == first
    second = files.new_checkpoint(200)
    assert (first.is_dir(), files.latest_checkpoint()) == (True, first), "until then the old one stays"
    files.commit_checkpoint(second, first)
    assert (files.checkpoints(), files.latest_checkpoint()) == ([second, first], second)
    third = files.new_checkpoint(300)
    files.commit_checkpoint(third, second)
    assert (first.exists(), second.exists(), files.checkpoints()) == (False, True, [third, second])


def test_a_damaged_pointer_leaves_the_sealed_checkpoints_newest_first(tmp_path: Path):
    files = RunDir(tmp_path)
    for env_steps in (900, 1000, 1100):
        (files.new_checkpoint(env_steps) / "manifest.json").write_text("{}")
    files.new_checkpoint(1200)  # it has no seal: its worker was killed
    (tmp_path / "checkpoint" / "latest.json").write_text("{")
    assert [path.name for path in files.checkpoints()] == ["env-steps-1100", "env-steps-1000"]


def test_a_second_checkpoint_after_as_many_env_steps_spares_the_first_until_it_is_complete(tmp_path: Path):
    files = RunDir(tmp_path)
    first = files.new_checkpoint(100)
    files.commit_checkpoint(first)
    again = files.new_checkpoint(100)
    assert again != first
    assert first.is_dir()
    files.commit_checkpoint(again, first)
    assert files.checkpoints() == [again, first]
    assert files.new_checkpoint(100) not in (first, again)


def test_an_unfinished_checkpoint_is_begun_anew(tmp_path: Path):
    files = RunDir(tmp_path)
    (files.new_checkpoint(100) / "half").touch()
    assert list(files.new_checkpoint(100).iterdir()) == []


def test_a_cleared_folder_keeps_its_inputs_alone(tmp_path: Path):
    files = RunDir(tmp_path)
    for path in (files.run, files.episodes, files.evaluations, files.policy, files.result, files.log, tmp_path / "events.out.tfevents.0"):
        path.touch()
    files.commit_checkpoint(files.new_checkpoint(100))
    files.add_snapshot(files.policy, 100)
    files.clear()
    assert list(tmp_path.iterdir()) == [files.run]


def test_the_end_of_the_log_is_read_without_empty_lines(tmp_path: Path):
    files = RunDir(tmp_path)
    assert files.log_tail() == ()
    files.log.write_bytes(b"1\n\n2\n \n\xff3\n")
    assert files.log_tail(2) == ("2", "\ufffd3")


def test_what_a_killed_worker_has_left_is_cleared_wherever_it_writes(tmp_path: Path):
    run_dir = RunDir(tmp_path)
    for part in (tmp_path, tmp_path / "checkpoint", run_dir.snapshots):
        part.mkdir(exist_ok=True)
        (part / ".latest.json.999999999.tmp").write_text("half")
        (part / "kept.json").write_text("whole")
    run_dir.clear_remains()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["kept.json"] * 3
