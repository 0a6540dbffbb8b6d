from collections import Counter

import pytest

from arena.environments.config import EnvConfig
from arena.tournament.match_records import PlayedGame
from arena.tournament.play.play_tournament import play
from arena.tournament.schedule.rounds import used_up_openings
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))


@pytest.mark.parametrize("schedule", ["round-robin", "swiss", "adaptive"])
def test_two_policies_never_play_one_game_twice(tournament, schedule):
    rules = Rules(episodes=1, games=200, opening_plies=1, schedule=schedule)  # nine openings: 18 games of a pair
    tournament = Tournament(**{**vars(tournament), "rules": rules})
    records = play(tournament, workers=1)
    games = [record for record in records if isinstance(record, PlayedGame)]
    of_policies = [(game.players, game.moves) for game in games if "random" not in game.players]
    assert len(of_policies) == len(set(of_policies))
    most = max(Counter(frozenset(players) for players, _ in of_policies).values())
    if schedule == "adaptive":
        assert 2 <= most <= 18  # it stops once only more training seeds would decide
    else:
        assert most == 18
        assert max(Counter(frozenset(game.players) for game in games if "random" in game.players).values()) > 18
        (sentence,) = used_up_openings(tournament, records)
        assert sentence.startswith("tictactoe_v3: a/seed-")
        assert "have met from all 9 openings of 1 move; further games would be the same again" in sentence
    path = TournamentFolder(tournament.path).matches
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert play(tournament, workers=1) == records
    assert path.read_bytes() == whole


def test_nothing_is_said_of_openings_while_there_are_others(tournament):
    assert used_up_openings(tournament, play(tournament, workers=1)) == []
