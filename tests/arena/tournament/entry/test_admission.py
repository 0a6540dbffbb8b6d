import hashlib
import os
from collections import Counter

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies import file_check
from arena.tournament.entry import admission as admission_module
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.find_players import find_players
from arena.tournament.league import League
from arena.tournament.play.play_tournament import play
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

GAME = EnvConfig("tictactoe_v3")
RULES = Rules(schedule="adaptive", games=4, episodes=3)


@pytest.fixture
def file(tmp_path, write_policy):
    return write_policy(tmp_path / "a.onnx", GAME.id, 1)


@pytest.fixture
def counts(file, monkeypatch) -> Counter[str]:
    """How often `file` is opened, and how often its content is hashed, checked and tried in this process."""
    counts: Counter[str] = Counter()
    content, file_name = file.read_bytes(), str(file)
    open_file, sha256, check = os.open, hashlib.sha256, file_check.check_policy_bytes

    def counted_open(path, *arguments, **options):
        counts["reads"] += str(path) == file_name
        return open_file(path, *arguments, **options)

    def counted_sha256(data=b"", **options):
        counts["hashes"] += data == content
        return sha256(data, **options)

    def counted_check(data, where):
        counts["checks here"] += data == content
        return check(data, where)

    def counted_trial(paths, shown_as):
        counts["trials"] += sum(shown == file for shown in shown_as)
        return trial(paths, shown_as)

    trial = admission_module.check_policy_files
    monkeypatch.setattr(os, "open", counted_open)
    monkeypatch.setattr(admission_module.hashlib, "sha256", counted_sha256)
    monkeypatch.setattr(file_check, "check_policy_bytes", counted_check)
    monkeypatch.setattr(admission_module, "check_policy_files", counted_trial)
    return counts


@pytest.mark.worker
def test_a_policy_is_read_hashed_and_checked_once_on_its_way_into_a_tournament(tmp_path, file, counts) -> None:
    with Admission() as admission:
        players = find_players([str(file)], [GAME], admission).players
        tournament = TournamentFolder(tmp_path / "t").open(Tournament(path=tmp_path / "t", players=players, envs=(GAME,), rules=RULES))
    assert counts == {"reads": 1, "hashes": 1, "trials": 1}  # the one static check is part of the trial in quarantine
    file.unlink()
    assert len(play(tournament, workers=1)) == 4


@pytest.mark.worker
def test_a_policy_is_read_hashed_and_checked_once_on_its_way_into_a_league(tmp_path, file, counts) -> None:
    assert [player.name for player in League(tmp_path / "league").add([str(file)], [GAME], RULES)] == ["random", "a"]
    assert counts == {"reads": 1, "hashes": 1, "trials": 1}


def test_a_policy_that_is_known_is_not_tried_again(file, tried) -> None:
    with Admission() as first:
        policy = first.admit([file])[file]
        with Admission({policy.sha256: policy.path}) as second:
            again = second.admit([file])[file]
            assert (again, second.signature(again)) == (policy, first.signature(policy))
    assert tried == [file]


def test_one_file_under_two_paths_is_tried_once(tmp_path, file, tried, admission) -> None:
    (tmp_path / "b.onnx").write_bytes(file.read_bytes())
    admitted = admission.admit([file, tmp_path / "b.onnx", file])
    assert admitted[file].path == admitted[tmp_path / "b.onnx"].path
    assert tried == [file]


def test_the_copy_is_private_and_gone_at_the_end(file, tried) -> None:
    with Admission() as admission:
        copy = admission.admit([file])[file].path
        assert copy.parent.stat().st_mode & 0o077 == 0
        assert copy.read_bytes() == file.read_bytes()
    assert not copy.parent.exists()


def test_a_file_that_is_swapped_while_it_is_tried_is_played_as_it_was_read(tmp_path, file, monkeypatch, tried, write_policy) -> None:
    content, let_through = file.read_bytes(), admission_module.check_policy_files
    seen = []

    def swap(paths, shown_as):
        write_policy(file, GAME.id, 99)
        seen.extend(path.read_bytes() for path in paths)
        return let_through(paths, shown_as)

    monkeypatch.setattr(admission_module, "check_policy_files", swap)
    league = League(tmp_path / "league")
    league.add([str(file)], [GAME], RULES)
    (stored,) = (league.path / "policies").iterdir()
    assert seen == [content]  # what is tried
    assert stored.read_bytes() == content  # is what is kept
    assert stored.stem == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_swapped_after_it_was_admitted_is_played_as_it_was_tried(tmp_path, file, find, write_policy) -> None:
    content, players = file.read_bytes(), find([str(file)], [GAME]).players
    write_policy(file, GAME.id, 99)
    folder = TournamentFolder(tmp_path / "t")
    folder.open(Tournament(path=folder.path, players=players, envs=(GAME,), rules=RULES))
    policy = folder.read().players[1].policies[GAME.name]
    assert policy.path.read_bytes() == content
    assert policy.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.worker
def test_a_refused_file_is_named_by_its_own_path_and_not_kept(tmp_path, file, write_policy) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"PK\x03\x04 zip")
    with Admission() as admission:
        for sources in ([bad], [file, bad]):
            with pytest.raises(ArenaError, match=rf"^policy {bad} is not an ONNX file"):
                admission.admit(sources)
        with pytest.raises(ArenaError, match=rf"^cannot read policy {tmp_path / 'absent'}: No such file"):
            admission.admit([tmp_path / "absent"])


@pytest.mark.worker
def test_nothing_of_a_file_is_parsed_in_this_process_before_it_was_tried(file, monkeypatch) -> None:
    def parse(content, where):
        raise AssertionError("parsed here")

    monkeypatch.setattr(file_check, "check_policy_bytes", parse)
    with Admission() as admission:
        assert admission.signature(admission.admit([file])[file]).action_shape == ()
