"""`arena tournament`: trains what is missing, plays, and prints the leaderboard."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.agent.registry import agent_ids
from arena.cli.standings import show_standings
from arena.cli.train import watch, with_options
from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.plugins import registered_ids, registered_spec
from arena.environments.user_modules import full_id
from arena.environments.word import code_names
from arena.errors import ArenaError
from arena.experiment.bundled import bundled_names
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table, from_toml
from arena.experiment.inheritance import load_table
from arena.experiment.names import check_name
from arena.formats.folders import refuse_link
from arena.formats.validation import checked
from arena.sharing.unpack import unpacked
from arena.terminal.output import Mode, Output, command_line, explain_stop
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.find_players import Participants, find_players
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.run_players import envs_of, episode_limit
from arena.tournament.play.play_tournament import play
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options for the training of agents that are given by id."""

    steps: int
    """Env steps of each run."""
    num_seeds: int
    """Number of runs of each agent on each environment."""


def tournament(
    arguments: Sequence[str],
    env_ids: Sequence[str],
    rules: Mapping[str, Any],
    training: TrainingOptions,
    *,
    name: str,
    output: Path | None,
    workers: int | None,
    allow: Collection[str] = (),
    mode: Mode,
) -> int:
    """Plays a tournament and prints its leaderboard; returns 0 if no run failed.

    Args:
        arguments: Players, or one experiment file with a `[tournament]` table.
        env_ids: Ids of everything that is played; empty takes the environments that the runs of the players were trained on.
        rules: Rules from the command line, which replace those of the file and the defaults.
        training: Options for agents given by id.
        name: Name of the tournament's folder.
        output: Folder in which that folder is made; None is `logs`.
        workers: Number of processes, for training and for playing; None takes the file's, or one per core.
        allow: Import paths and files that run folders may name, and folders of runs.
        mode: What is printed.
    """
    if len(arguments) == 1 and _is_experiment(arguments[0]):
        return _of_file(Path(arguments[0]), env_ids, rules, output, workers, allow, mode)
    with unpacked(arguments) as players:
        return _of_players(players, env_ids, rules, training, name=name, output=output, workers=workers, allow=allow, mode=mode)


def _of_players(
    arguments: Sequence[str],
    env_ids: Sequence[str],
    rules: Mapping[str, Any],
    training: TrainingOptions,
    *,
    name: str,
    output: Path | None,
    workers: int | None,
    allow: Collection[str],
    mode: Mode,
) -> int:
    """Plays a tournament of players that are given one by one; arguments and result as for `tournament`."""
    agents = [argument for argument in arguments if argument in agent_ids() and argument != RANDOM and not Path(argument).exists()]
    given = [argument for argument in arguments if argument not in agents]
    envs = [EnvConfig(full_id(env_id)) for env_id in dict.fromkeys(env_ids)] or envs_of(given, allow)
    if not envs:
        raise ArenaError("say what is played: --env ID, a Gymnasium id or a two-player game such as connect_four_v3")
    if agents:
        _refuse_games(agents, envs)
    path = (output or Path("logs")) / check_name(name, "tournament name")
    of_rules = checked(Rules, {"max_episode_steps": episode_limit(given), **rules}, "tournament")
    _check_envs(envs)
    with Admission(TournamentFolder(path).policy_files()) as admission:
        if not agents:
            _play(find_players(given, envs, admission, allow), envs, of_rules, path, workers, allow, Output(mode))
            return 0
        # Files that are given are admitted before agents are trained, which may take hours: a bad one is refused at once.
        others = find_players(given, envs, admission, allow) if any(player != RANDOM for player in given) else None
        experiment = _experiment(agents, envs, of_rules, training, path, workers)
        num_failed = _train(experiment, mode)
        trained = find_players([str(experiment.path)], envs, admission)
        _play(others.joined(trained) if others else trained, envs, of_rules, path, workers, allow, Output(mode))
    return int(num_failed > 0)


def _is_experiment(argument: str) -> bool:
    return argument.endswith(".toml") or (argument in bundled_names() and not Path(argument).exists())


def _of_file(
    file: Path,
    env_ids: Sequence[str],
    rules: Mapping[str, Any],
    output: Path | None,
    workers: int | None,
    allow: Collection[str],
    mode: Mode,
) -> int:
    """Trains what an experiment file asks for and lets it meet."""
    table, _ = load_table(file)
    if not isinstance(table.get("tournament"), Mapping):
        raise ArenaError(f"{file} has no [tournament] table; add one, which may be empty")
    own = dict(table["tournament"])
    ids = checked(list[str], own.pop("envs", []), "tournament.envs")
    experiment = with_options(from_toml(file), output, workers)
    limit = experiment.evaluation.max_episode_steps
    of_rules = checked(Rules, {"max_episode_steps": limit, **own, **rules}, "tournament")
    envs = [EnvConfig(full_id(env_id)) for env_id in dict.fromkeys(env_ids or ids)] or list(experiment.envs)
    _check_envs(envs)
    path = experiment.path / "tournament"
    refuse_link(path)
    num_failed = _train(experiment, mode)
    with Admission(TournamentFolder(path).policy_files()) as admission:
        allow = {*allow, *(name for run in experiment.pairs() for name in run.code_names())}  # the file is the user's own
        participants = find_players([str(experiment.path)], envs, admission, allow)
        _play(participants, envs, of_rules, path, workers, allow, Output(mode))
    return int(num_failed > 0)


def _refuse_games(agents: Sequence[str], envs: Sequence[EnvConfig]) -> None:
    """Refuses to train agents on a game of two players, and names the environment that teaches it."""
    for env in envs:
        if not is_game(env.id):
            continue
        teachers = [env_id for env_id in registered_ids() if (spec := registered_spec(env_id)) and spec.kwargs.get("game") == env.id]
        remedy = "train on an environment that plays it against an opponent"
        if teachers:
            remedy = f"train on {teachers[0]}, which plays it against an opponent: arena train {agents[0]} {teachers[0]}"
        raise ArenaError(
            f"{', '.join(agents)} cannot be trained on {env.id}, a game of two players; {remedy}, then arena tournament logs/train "
            f"--env {env.id}"
        )


def _check_envs(envs: Sequence[EnvConfig]) -> None:
    """Refuses environments and games that cannot be made, before anything is trained."""
    for env in envs:
        env_spaces(env)


def _experiment(
    agents: list[str], envs: list[EnvConfig], rules: Rules, training: TrainingOptions, path: Path, workers: int | None
) -> Experiment:
    """Returns the experiment that trains agents given by id, in the tournament's folder."""
    refuse_link(path / "runs")
    table = {
        "name": "runs",
        "output": str(path),
        "agents": agents,
        "envs": [{"id": env.id} for env in envs],
        "seeds": training.num_seeds,
        "seed": rules.seed,
        "evaluation": {"max_episode_steps": rules.max_episode_steps},
        "budget": {"env_steps": training.steps},
    }
    return with_options(from_table(table), workers=workers)


def _train(experiment: Experiment, mode: Mode) -> int:
    """Runs what is not finished; returns how many runs failed."""
    results = watch(experiment, mode="quiet" if mode == "json" else mode, retry_failed=False)
    return sum(result.status != "finished" for result in results)


def _play(
    participants: Participants,
    envs: Sequence[EnvConfig],
    rules: Rules,
    path: Path,
    workers: int | None,
    allow: Collection[str],
    output: Output,
) -> None:
    """Plays the tournament with a progress bar, and prints its standings."""
    entered = Tournament(
        path=path, players=participants.players, envs=tuple(envs), rules=rules, left_out=participants.left_out, command=command_line()
    )
    try:
        with output.progress("playing") as progress:
            play(entered, workers=workers or 0, progress=progress)
    except KeyboardInterrupt:
        explain_stop(f"All matches so far are kept in {path}")
        raise
    given = {name for env in envs for name in code_names(env)}
    given |= {player.program.name for player in participants.players if player.program is not None}
    runs = {str(run) for player in participants.players for run in player.runs.values()}
    show_standings(path, output, {*allow, *given, *runs})
