from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.rating.matches import Matches
from arena.statistics.mean_intervals import MEAN_NOTE
from arena.tournament.entry.player import Player, random_player
from arena.tournament.entry.program import Program
from arena.tournament.standings.ranking import rank_entrants
from arena.tournament.standings.standings_notes import MAX_LISTED, STOPPED_EARLY, note_on_means, standings_notes
from arena.tournament.tournament import Rules, Tournament


def duels(*pairs: tuple[int, int], starts: Sequence[int] = (0, 1)) -> Matches:
    """Returns duels of pairs of players, each won once by either side, from alternating starts."""
    first, second = np.repeat(np.array(pairs), 2, axis=0).T
    return Matches(first, second, np.tile([1.0, 0.0], len(pairs)), np.tile(np.array(starts), len(pairs)))


def notes(tables: Sequence[Matches], players: Sequence[Player], *, num_looks: int = 0, left_out: tuple[str, ...] = ()) -> list[str]:
    envs = tuple(EnvConfig(f"Env-v{number}") for number in range(len(tables)))
    tournament = Tournament(path=Path("t"), players=tuple(players), envs=envs, rules=Rules(), left_out=left_out)
    entrants = np.array([tournament.entrants.index(player.entrant) for player in players])
    ranking = rank_entrants(tables, entrants, num_looks=num_looks)
    return standings_notes(tournament, tables, entrants, ranking)


def player(entrant: str, seed: int = 0, *, failed: str = "") -> Player:
    runs = {"Env-v0": Path("runs")}
    return Player(name=f"{entrant}/seed-{seed}", entrant=entrant, policies={}, runs=runs, failed={"Env-v0": failed} if failed else {})


SEEDS = [player("a"), player("a", 1), player("b"), player("b", 1)]
ALL_PAIRS = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4))


def test_nothing_is_noted_where_all_met_with_several_seeds():
    assert notes([duels(*ALL_PAIRS)], [random_player(), *SEEDS]) == []


def test_entrants_of_one_seed_are_named_but_for_the_random_player():
    found = notes([duels((0, 1), (0, 2), (1, 2))], [random_player(), player("a"), player("b")])
    assert found == ["one training seed each, so their intervals say nothing about training again: a, b"]


PROGRAM = Player(name="mine", entrant="mine", policies={}, program=Program(name="mine:act", sha256="0" * 64))


def test_a_program_has_no_training_seed_that_a_note_could_miss():
    found = notes([duels((0, 1), (0, 2), (1, 2))], [random_player(), player("a"), PROGRAM])
    assert any(note.endswith("say nothing about training again: a") for note in found)


@pytest.mark.parametrize(
    ("players", "envs", "expected"),
    [
        (SEEDS, ("CartPole-v1", "tictactoe_v3"), [MEAN_NOTE]),
        (SEEDS, ("tictactoe_v3",), []),
        ([player("a"), player("b"), random_player(), PROGRAM], ("CartPole-v1",), []),
    ],
    ids=["several seeds", "games alone", "one seed each"],
)
def test_the_intervals_of_means_are_told_about_where_there_are_some(players: list[Player], envs: tuple[str, ...], expected: list[str]):
    tournament = Tournament(path=Path("t"), players=tuple(players), envs=tuple(map(EnvConfig, envs)), rules=Rules())
    assert note_on_means(tournament) == expected


def test_failed_runs_and_those_left_out_are_listed():
    players = [random_player(), player("a", failed="(crashed)"), *SEEDS[1:]]
    found = notes([duels(*ALL_PAIRS)], players, left_out=("c has no policy",))
    assert found[0].startswith("1 of 2 runs of a failed, and count: a failed run loses to every policy that plays")
    assert found[0].endswith("(a/seed-0 on Env-v0 (crashed))")
    assert found[1:] == ["left out: c has no policy"]


@pytest.mark.parametrize(("num_looks", "words"), [(1, "at 1 look at the results"), (3, "at 3 looks at the results")])
def test_looks_at_the_results_are_told_with_the_confidence_of_ranks(num_looks: int, words: str):
    found, remark = notes([duels(*ALL_PAIRS)], [random_player(), *SEEDS], num_looks=num_looks)
    assert remark.endswith(STOPPED_EARLY)
    assert words in found
    assert "ranks are decided at 9" in found


def test_environments_that_not_all_played_and_pairs_that_share_none_are_told():
    tables = [duels((0, 1), (0, 2), (1, 2), starts=(5, 6)), duels((0, 3), (0, 4), starts=(7, 7))]
    found = notes(tables, [random_player(), *SEEDS])
    assert found[0].startswith("not all played the same environments (a not Env-v1; b not Env-v0): ")
    assert found[1] == "these share no environment, so only their results against others order them: a and b"
    assert found[2].startswith("all matches began alike on Env-v1, which supports no interval")
    assert len(found) == 3


def test_a_long_list_is_cut():
    count = MAX_LISTED + 3
    players = [random_player(), *(player("a", seed, failed="(killed)") for seed in range(count))]
    [found] = notes([duels(*((0, number) for number in range(1, count + 1)))], players)
    assert found.count("(killed)") == MAX_LISTED
    assert found.endswith("; and 3 more)")
