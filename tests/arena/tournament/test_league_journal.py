import json

import pytest

from arena.errors import ArenaError
from arena.tournament.league_journal import LeagueJournal, file_faults, read_journal, write_journal
from arena.tournament.match_records import Episodes, PlayedGame


def episodes(player: str, reason: str) -> Episodes:
    return Episodes(match=player, env="e", player=player, seed=0, returns=(), lengths=(), reason=reason)


def game(points: float, reason: str) -> PlayedGame:
    return PlayedGame(
        match="m", env="g", players=("a", "b"), seed=0, points=points, returns=(0.0, 0.0), moves=(), num_opening_moves=0, reason=reason
    )


def test_only_a_file_that_fails_is_a_fault_of_the_file_and_of_its_own_player() -> None:
    records = [
        episodes("c", "failed: its process was ended by SIGFPE"),
        episodes("d", "time-out: 2 s for an action, 1 allowed"),
        episodes("e", "failed: illegal action: no such move"),
        episodes("f", "crashed: no memory"),
        episodes("g", ""),
        game(0.0, "failed: it gave scores that are not finite"),
        game(1.0, "failed: it gave no answer"),
        game(1.0, "illegal move: 4 as move 2"),
        game(0.5, "no end: 10,000 moves"),
    ]
    assert file_faults(records) == {
        "a": ["failed: it gave scores that are not finite"],
        "b": ["failed: it gave no answer"],
        "c": ["failed: its process was ended by SIGFPE"],
    }


def test_who_returns_is_suspended_again_only_for_a_new_fault() -> None:
    records = [episodes("a", "failed: x"), game(0.0, "failed: y")]
    journal = LeagueJournal(removed={"b": "2026-11-29T12:00:00+00:00"})
    assert journal.absent(records) == {"a": "suspended: failed: y", "b": "removed on 2026-11-29"}
    back = journal.after_return(["a", "b"], records)
    assert back.absent(records) == {}
    assert back.absent([*records, episodes("a", "failed: z")]) == {"a": "suspended: failed: z"}


def test_a_journal_is_read_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "league.json"
    assert read_journal(path) == LeagueJournal()
    journal = LeagueJournal(joined={"a": "2026-11-29"}, looks=3, removed={"a": "2026-11-30"}, pardoned={"a": 1})
    write_journal(path, journal)
    assert read_journal(path) == journal
    path.write_text('{"joined": {"a": "2026"}, "looks": 2}')  # an earlier version's
    assert read_journal(path).looks == 2
    for wrong in (
        {"looks": "many"},
        {"looks": -1},
        {"looks": 10**400},
        {"pardoned": {"a": 2**63}},
        {"removed": ["a"]},
        {"pardoned": {"a": "x"}},
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ArenaError, match=rf"league\.json.*{next(iter(wrong))}"):
            read_journal(path)
