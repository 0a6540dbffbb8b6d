import dataclasses

import numpy as np

from arena.tournament.match_records import PlayedGame
from arena.tournament.schedule.dealing import GameDealer
from arena.tournament.schedule.lineups import Pairings
from arena.tournament.schedule.openings import Opening
from arena.tournament.schedule.tasks import GamesTask
from arena.tournament.tournament import Tournament

TICTACTOE = "tictactoe_v3"
PAIRS = (("a/seed-0", "b/seed-10"), ("a/seed-1", "b/seed-10"), ("random", "a/seed-0"))


def dealt(tournament: Tournament, records: list[PlayedGame]) -> dict[frozenset[str], list[Opening]]:
    """Returns what each of `PAIRS` is dealt where a schedule asks for the first four openings."""
    place, names = [each.name for each in tournament.envs].index(TICTACTOE), [player.name for player in tournament.players]
    first, second = (np.repeat([names.index(pair[side]) for pair in PAIRS], 4) for side in (0, 1))
    found: dict[frozenset[str], list[Opening]] = {}
    for task in GameDealer(tournament).deal(Pairings(np.full(12, place), first, second, np.tile(np.arange(4), 3)), records):
        assert isinstance(task, GamesTask)
        found.setdefault(frozenset(task.players), []).extend(task.openings)
    return found


def test_openings_that_two_policies_have_played_are_not_dealt_to_them_again(tournament: Tournament):
    fresh = dealt(tournament, [])
    assert {len(set(openings)) for openings in fresh.values()} == {4}
    (openings,) = set(map(tuple, fresh.values()))
    players = [*PAIRS, ("b/seed-10", "a/seed-0")]  # with either seat first, as games are recorded
    played = [
        PlayedGame(
            match=f"{pair}/{opening}",
            env=TICTACTOE,
            players=pair,
            seed=0,
            points=0.5,
            returns=(0.0, 0.0),
            moves=(*opening, 8),
            num_opening_moves=len(opening),
        )
        for pair, opening in ((players[0], openings[2]), (players[2], openings[1]), (players[3], openings[0]))
    ]
    again = dealt(tournament, played)
    assert again[frozenset(PAIRS[0])] == [openings[1], openings[3]]
    assert again[frozenset(PAIRS[1])] == list(openings), "nobody else has played them"
    assert again[frozenset(PAIRS[2])] == list(openings), "random play is new from any opening"
    elsewhere = [dataclasses.replace(game, env="another") for game in played]
    assert dealt(tournament, elsewhere) == fresh, "another game's openings are its own"
