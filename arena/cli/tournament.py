"""`arena tournament`: trains what is missing, plays, and prints the leaderboard."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.agent.registry import agent_ids
from arena.cli.train import watch, with_options
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table, from_toml
from arena.experiment.inheritance import load_table
from arena.experiment.names import check_name
from arena.formats.json import write_json
from arena.formats.validation import checked
from arena.terminal.output import Mode, Output, command_line, explain_stop
from arena.tournament.admission import refuse_untried, try_policies
from arena.tournament.folder import Rules, Tournament, TournamentFolder
from arena.tournament.page import write_leaderboard
from arena.tournament.players import RANDOM, env_spaces, envs_of, find_players
from arena.tournament.run import play
from arena.tournament.standings_from_matches import compute_standings
from arena.tournament.terminal import print_leaderboard


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Training of the agents that are given by name."""

    steps: int
    """Env steps that each run takes."""
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
    mode: Mode,
) -> int:
    """Plays a tournament and prints its leaderboard; returns 0 if no run failed.

    Args:
        arguments: players, or one experiment file with a `[tournament]` table.
        env_ids: ids of what is played; if empty, what the runs of the players were trained on.
        rules: rules that were given on the command line; they override the file's and the defaults.
        training: training of agents given by name.
        name: name of the tournament's folder.
        output: folder in which that folder is made.
        workers: processes at a time, for training and for playing; None means as the file says, or one per core.
        mode: what is printed.
    """
    if len(arguments) == 1 and arguments[0].endswith(".toml"):
        return _of_file(Path(arguments[0]), env_ids, rules, output, workers, mode)
    agents = [argument for argument in arguments if argument in agent_ids() and argument != RANDOM and not Path(argument).exists()]
    envs = [EnvConfig(env_id) for env_id in dict.fromkeys(env_ids)] or envs_of([each for each in arguments if each not in agents])
    if not envs:
        raise ArenaError("say what is played: --env ID, a Gymnasium id or a two-player game such as connect_four_v3")
    path = (output or Path("logs")) / check_name(name, "tournament name")
    of_rules = checked(Rules, dict(rules), "tournament")
    for env in envs:
        env_spaces(env)  # refused before anything is trained
    players, num_failed = [argument for argument in arguments if argument not in agents], 0
    given, tried = tuple(players), try_policies(players, TournamentFolder(path))
    if agents:
        if any(player != RANDOM for player in players):
            find_players(players, envs)  # likewise
        experiment = _experiment(agents, envs, of_rules.seed, training, path, workers)
        num_failed = _train(experiment, mode)
        players.append(str(experiment.path))
    refuse_untried(given, tried)  # training may have taken hours
    _play(players, envs, of_rules, path, workers, Output(mode))
    return int(num_failed > 0)


def _of_file(file: Path, env_ids: Sequence[str], rules: Mapping[str, Any], output: Path | None, workers: int | None, mode: Mode) -> int:
    table, _ = load_table(file)
    if not isinstance(table.get("tournament"), Mapping):
        raise ArenaError(f"{file} has no [tournament] table; add one, which may be empty")
    own = dict(table["tournament"])
    ids = checked(list[str], own.pop("envs", []), "tournament.envs")
    of_rules = checked(Rules, {**own, **rules}, "tournament")
    experiment = with_options(from_toml(file), output, workers)
    envs = [EnvConfig(env_id) for env_id in dict.fromkeys(env_ids or ids)] or list(experiment.envs)
    for env in envs:
        env_spaces(env)  # refused before anything is trained
    num_failed = _train(experiment, mode)
    _play([str(experiment.path)], envs, of_rules, experiment.path / "tournament", workers, Output(mode))
    return int(num_failed > 0)


def _experiment(
    agents: list[str], envs: list[EnvConfig], seed: int, training: TrainingOptions, path: Path, workers: int | None
) -> Experiment:
    table = {
        "name": "runs",
        "output": str(path),
        "agents": agents,
        "envs": [{"id": env.id} for env in envs],
        "seeds": training.num_seeds,
        "seed": seed,
        "budget": {"env_steps": training.steps},
    }
    return with_options(from_table(table), workers=workers)


def _train(experiment: Experiment, mode: Mode) -> int:
    """Runs what is not finished; returns the number of runs that failed."""
    results = watch(experiment, mode="quiet" if mode == "json" else mode, retry_failed=False)
    return sum(result.status != "finished" for result in results)


def _play(players: Sequence[str], envs: Sequence[EnvConfig], rules: Rules, path: Path, workers: int | None, output: Output) -> None:
    field, command = find_players(players, envs), command_line()
    entered = Tournament(path=path, players=field.players, envs=tuple(envs), rules=rules, left_out=field.left_out, command=command)
    try:
        with output.progress("playing") as progress:
            play(entered, workers=workers or 0, progress=progress)
    except KeyboardInterrupt:
        explain_stop(f"All matches so far are kept in {path}")
        raise
    show_standings(path, output)


def show_standings(path: Path, output: Output) -> None:
    """Computes the standings of a tournament's folder from its matches, keeps them there with their page, and prints them."""
    standings = compute_standings(path)
    write_json(TournamentFolder(path).standings, standings.to_dict())
    for row in standings.rows:
        output.record(dataclasses.asdict(row))
    if output.for_people:
        print_leaderboard(standings, output)
    output.say(f"Leaderboard: {write_leaderboard(standings, path)}")
