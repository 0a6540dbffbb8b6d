"""The tasks of a tournament, round by round; the same tournament and the same results so far give the same tasks.

Duels come first, and need no schedule: all players play the same starts. Games follow, as `Rules.schedule` says.
"""

from collections.abc import Iterator, Sequence

from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.word import names_without_word
from arena.seeding import duel_seed
from arena.tournament.entry.player import Player
from arena.tournament.match_records import Episodes, PlayedGame, Record
from arena.tournament.schedule.adaptive import Look
from arena.tournament.schedule.dealing import GameDealer
from arena.tournament.schedule.tasks import EpisodesTask, Task
from arena.tournament.tournament import Tournament


def rounds(tournament: Tournament, records: Sequence[Record]) -> Iterator[list[Task]]:
    """Yields the tasks of each round.

    Args:
        tournament: The tournament to play.
        records: Records of all tasks yielded so far; the caller adds to it before it asks for the next round.
    """
    episodes: list[Task] = [*_episodes_tasks(tournament)]
    games = GameDealer(tournament)
    if tournament.rules.schedule == "round-robin":
        yield [*episodes, *games.round_robin()]
        return
    yield episodes
    if tournament.rules.schedule == "swiss":
        yield from games.swiss(records)
    else:
        yield from games.adaptive(records)


def num_looks(tournament: Tournament, records: Sequence[Record]) -> int:
    """Returns how often the adaptive schedule has looked at the games, this look included; 0 where the schedule was fixed beforehand.

    The schedule cannot be followed through a game that needs the user's word. The result is then the largest number that so many games
    allow, which decides ranks at the strictest level.
    """
    if tournament.rules.schedule != "adaptive" or not any(is_game(env.id) for env in tournament.envs):
        return 0
    if any(is_game(env.id) and names_without_word(env) for env in tournament.envs):
        return (
            1 + sum(isinstance(record, PlayedGame) for record in records) // 2
        )  # a look deals at least one opening, which is played twice
    seen: list[Record] = []
    looks = 0
    for tasks in rounds(tournament, seen):  # the first one is of episodes, fixed beforehand; the last look yields none
        looks += 1
        end = len(seen) + sum(len(task.matches) for task in tasks)
        if end > len(records):
            break
        seen += records[len(seen) : end]
    return looks


def missing_episodes(tournament: Tournament, records: Sequence[Record]) -> list[Task]:
    """Returns the episodes of all players that have played none on an environment yet."""
    played = {record.match for record in records if isinstance(record, Episodes)}
    tasks: list[Task] = [task for task in _episodes_tasks(tournament) if task.match not in played]
    return tasks


def next_games(tournament: Tournament, records: Sequence[Record], *, look: int, budget: int) -> tuple[list[Task], Look]:
    """Returns the games that the adaptive schedule plays next, at most `budget`, and what it found at this look."""
    games = GameDealer(tournament)
    found = games.look(records, look, budget)
    return games.deal(found.pairings, records), found


def used_up_openings(tournament: Tournament, records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each game in which players have met from every opening that there is."""
    return list(GameDealer(tournament).used_up(records))


def _episodes_tasks(tournament: Tournament) -> list[EpisodesTask]:
    return [
        _episodes_task(tournament, env, player)
        for env in tournament.envs
        if not is_game(env.id)
        for player in tournament.players
        if player.plays(env.name)
    ]


def _episodes_task(tournament: Tournament, env: EnvConfig, player: Player) -> EpisodesTask:
    return EpisodesTask(
        match=f"{env.name}/{player.name}",
        env=env,
        player=player.name,
        policy=player.plays_with(env.name),
        seed=duel_seed(tournament.rules.seed, env.name),
        num_episodes=tournament.rules.episodes,
        action_seconds=tournament.rules.move_seconds,
        max_episode_steps=tournament.rules.max_episode_steps,
        failed=player.failed.get(env.name, ""),
    )
