from pathlib import Path

from arena.environments.config import EnvConfig
from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.play.play_task import play_task
from arena.tournament.schedule.tasks import EpisodesTask, GamesTask


def test_either_kind_of_task_gives_the_records_that_it_names():
    episodes = EpisodesTask(
        match="x", env=EnvConfig("CartPole-v1"), player="random", policy=None, seed=3, num_episodes=2, action_seconds=60.0
    )
    [record] = play_task(episodes)
    assert isinstance(record, Episodes)
    assert (record.match, record.player, len(record.returns)) == ("x", "random", 2)
    games = GamesTask(
        match="y",
        game_id="tictactoe_v3",
        players=("a", "b"),
        policies=(None, Path("never opened")),
        openings=((0, 1),),
        seeds=(4,),
        move_seconds=60.0,
        failed=("", "crashed"),
    )
    records = play_task(games)
    assert tuple(record.match for record in records) == games.matches == ("y/0", "y/1")
    points = [(record.players, record.points) for record in records if isinstance(record, PlayedGame)]
    assert points == [(("a", "b"), 1.0), (("b", "a"), 0.0)], "a failed run loses from either seat, unplayed"
