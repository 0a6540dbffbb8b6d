"""The command line: it parses options and calls commands. Imports stand in the commands, so that `arena --help` answers at once."""

import functools
import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from arena.cli.league_app import league_app
from arena.cli.options import (
    Address,
    Allow,
    Device,
    EqualWithin,
    ExecutorOption,
    ExperimentsFolder,
    Extend,
    Json,
    Listed,
    MaxEpisodeSteps,
    MaxPlies,
    NoWait,
    OtherFolder,
    Quiet,
    RetryFailed,
    ScheduleOption,
    Storage,
    Workers,
    Wrappers,
    agents_beginning,
    end_as_by_ctrl_c,
    envs_beginning,
    output_mode,
    own_output,
    refuse,
    refuse_system_error,
)
from arena.cli.policy_app import policy_app
from arena.cli.tune_app import tune_app
from arena.errors import ArenaError

app = typer.Typer(name="arena", rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(league_app, name="league")
app.add_typer(policy_app)
app.add_typer(tune_app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from arena import __version__

        typer.echo(f"arena-rl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Train agents of several reinforcement learning frameworks on the same environments, and compare them honestly."""


@app.command()
def train(
    agent: Annotated[str, typer.Argument(help="Agent id (arena list agents), or package.module:SPEC.", autocompletion=agents_beginning)],
    env: Annotated[str, typer.Argument(help="Gymnasium id, such as CartPole-v1.", autocompletion=envs_beginning)],
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Budget in env steps; by default 100,000, or that of the tuned settings.")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.001, help="Budget in wall seconds of training.")] = None,
    target: Annotated[float | None, typer.Option("--target", help="Stop once this return is held over 100 evaluation episodes.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the run.")] = 0,
    max_episode_steps: MaxEpisodeSteps = None,
    wrapper: Wrappers = None,
    env_set: Annotated[list[str] | None, typer.Option("--env-set", metavar="KEY=VALUE", help="An argument of the environment.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A hyperparameter; repeat for more.")] = None,
    tuned: Annotated[bool, typer.Option("--tuned", help="Use the settings that arena list tuned shows.")] = False,
    name: Annotated[str, typer.Option("--name", help="Name of the experiment's folder.")] = "train",
    output: ExperimentsFolder = Path("logs"),
    init: Annotated[Path | None, typer.Option("--init", metavar="DIR", help="Begin from the latest checkpoint of this run.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the same run from its last checkpoint.")] = False,
    device: Device = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Cores of the worker.")] = 1,
    env_workers: Annotated[int, typer.Option("--env-workers", min=0, help="Processes that step slow environments.")] = 0,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Train one agent on one environment."""
    from arena.cli import train as command

    budget = {"env_steps": steps, "seconds": seconds, "target_return": target}
    resources = {"threads": threads, "env_workers": env_workers, "device": device or "auto", "workers": 1}
    mode, limit = output_mode(quiet, json_lines), {"max_episode_steps": max_episode_steps}
    inputs = (agent, env, set_ or [], budget, seed, name, output, resources)
    around: dict[str, Any] = {"env_settings": env_set or (), "wrappers": wrapper or ()}
    command.train(*inputs, **around, evaluation=limit, init=init, tuned=tuned, resume=resume, mode=mode)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="Experiment in TOML, or the name of one that comes with the arena (arena list configs).")],
    output: OtherFolder = None,
    workers: Workers = None,
    device: Device = None,
    executor: ExecutorOption = None,
    address: Address = None,
    storage: Storage = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the experiment, instead of the one in the file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print runs, settings and the likely time; write nothing.")] = False,
    retry_failed: RetryFailed = False,
    extend: Extend = False,
    no_wait: NoWait = False,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", metavar="NAME", help="Copy the runs that ended to wandb, mlflow or trackio, on this machine."),
    ] = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Run an experiment, or resume it.

    What is finished is skipped, and what was interrupted resumes from its last checkpoint. Several machines may run one experiment at once,
    if its folder is on a file system that they share.
    """
    from arena.cli import train as command

    chosen = {"kind": executor and executor.value, "address": address, "storage": storage}
    options = {"name": name, "output": output, "workers": workers, "device": device, "executor": chosen}
    sys.exit(
        command.run(
            file,
            options,
            dry_run=dry_run,
            retry_failed=retry_failed,
            wait=not no_wait,
            extend=extend,
            trackers=track or (),
            mode=output_mode(quiet, json_lines),
        )
    )


@app.command()
def status(
    target: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A folder with runs, or an experiment in TOML.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder that holds the experiment's, instead of the file's.")
    ] = None,
    json_lines: Json = False,
) -> None:
    """Say how far each run is.

    A run is to do, running, interrupted, finished, pruned or failed; the exit code is 1 if one has failed.
    """
    from arena.cli import status as command

    sys.exit(command.status(target, output, mode=output_mode(quiet=False, json_lines=json_lines)))


@app.command()
def tournament(
    players: Annotated[
        list[str],
        typer.Argument(
            metavar="PLAYER...|FILE",
            help="Policy files, run or experiment folders, agent ids to train, programs of yours (NAME=module:callable), one experiment: "
            "a TOML file, or a bundled one's name.",
        ),
    ],
    env: Annotated[list[str] | None, typer.Option("--env", metavar="ID", help="Gymnasium id or game; repeat for more.")] = None,
    episodes: Annotated[int | None, typer.Option("--episodes", help="Duels of each pair on each environment.")] = None,
    games: Annotated[int | None, typer.Option("--games", help="Games of each pair of entrants in each game.")] = None,
    schedule: Annotated[ScheduleOption | None, typer.Option("--schedule", help="Schedule that decides who meets whom in games.")] = None,
    opening_plies: Annotated[int | None, typer.Option("--opening-plies", help="Random moves with which each game begins.")] = None,
    max_plies: MaxPlies = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of initial states and openings.")] = None,
    max_episode_steps: MaxEpisodeSteps = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Env steps to train agents that are given by id.")] = 100_000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Training seeds of agents that are given by id.")] = 1,
    name: Annotated[str, typer.Option("--name", help="Name of the tournament's folder.")] = "tournament",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder that holds the tournament's; logs by default.")] = None,
    workers: Workers = None,
    allow: Allow = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Play policies against each other.

    They meet in duels and games, and the leaderboard is printed. An interrupted tournament resumes.
    """
    from arena.cli import tournament as command

    rules = {"episodes": episodes, "games": games, "schedule": schedule and schedule.value, "opening_plies": opening_plies, "seed": seed}
    rules |= {"max_episode_steps": max_episode_steps, "max_plies": max_plies}
    given = {key: value for key, value in rules.items() if value is not None}
    training = command.TrainingOptions(steps=steps, num_seeds=seeds)
    mode = output_mode(quiet, json_lines)
    sys.exit(
        command.tournament(players, env or [], given, training, name=name, output=output, workers=workers, allow=allow or (), mode=mode)
    )


@app.command(name="list")
def list_(what: Annotated[Listed, typer.Argument(help="agents, envs, configs or tuned")], json_lines: Json = False) -> None:
    """List agents, environments, or the experiments and the tuned settings that come with the arena."""
    from arena.cli import listing as command

    mode = output_mode(quiet=False, json_lines=json_lines)
    if what is Listed.agents:
        command.list_agents(mode=mode)
    elif what is Listed.envs:
        command.list_envs(mode=mode)
    elif what is Listed.tuned:
        command.list_tuned(mode=mode)
    else:
        command.list_configs(mode=mode)


@app.command()
def doctor(json_lines: Json = False) -> None:
    """Say which frameworks work here.

    Each is imported in a process of its own; its devices are listed, or the reason for which it does not work.
    """
    from arena.cli import doctor as command

    sys.exit(command.doctor(mode=output_mode(quiet=False, json_lines=json_lines)))


@app.command()
def env(json_lines: Json = False) -> None:
    """List the environment variables that the arena reads."""
    from arena.cli import env as command

    command.env(mode=output_mode(quiet=False, json_lines=json_lines))


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to this file.")] = None,
) -> None:
    """Print the JSON Schema of experiment files, for editors."""
    from arena.cli import schema as command

    command.schema(output)


@app.command()
def smoke(
    agents: Annotated[str | None, typer.Option("--agents", help="Comma-separated names in configs/smoke.toml; all by default.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Ask for a mean return of 475 instead of 195, with a larger budget.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Keep the run folders here; a temporary folder by default.")] = None,
    workers: Workers = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Check that each agent learns CartPole-v1.

    The exit code is 1 if one does not.
    """
    from arena.cli import smoke as command

    names = [name for name in (agents or "").split(",") if name]
    if agents is not None and not names:
        raise ArenaError(f"--agents {agents!r} names no agent; give names with commas between, or leave it out for all")
    sys.exit(command.smoke(names, junit, output, workers, full=full, mode=output_mode(quiet, json_lines)))


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of experiments, of one machine or several.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the tables and the page; DIR/report by default.")
    ] = None,
    equal_within: EqualWithin = 0.25,
    figures: Annotated[
        str | None, typer.Option("--figures", metavar="FORMATS", help="Write each figure to a file too: pdf, svg, png; commas between.")
    ] = None,
    serif: Annotated[bool, typer.Option("--serif", help="Set the text of figures in a serif font.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Write tables for LaTeX (booktabs) too.")] = False,
    videos: Annotated[bool, typer.Option("--videos", help="Show episodes of the final evaluations in the page, played again.")] = False,
    allow: Allow = None,
    json_lines: Json = False,
) -> None:
    """Report on the runs in folders.

    Scores with intervals, comparisons, learning curves and costs are printed, and written as a page and as tables.
    """
    from arena.report import terminal as command

    formats = [part for part in (figures or "").split(",") if part]
    mode = output_mode(quiet=False, json_lines=json_lines)
    write = functools.partial(command.report, folders, output, equal_within=equal_within, mode=mode)
    write(figures=formats, serif=serif, latex=latex, videos=videos, allow=allow or ())


@app.command()
def calibrate(
    agents: Annotated[list[int] | None, typer.Option("--agents", metavar="N", help="Agents of an experiment (2); repeat for more.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seeds", metavar="N", help="Training seeds of each (5); repeat for more.")] = None,
    apart: Annotated[
        list[float] | None,
        typer.Option("--apart", metavar="SD", help="Standard deviations from one agent to the next (0 and 2); repeat for more."),
    ] = None,
    shape: Annotated[
        list[str] | None, typer.Option("--shape", metavar="NAME", help="What training seeds are like, or all; repeat for more.")
    ] = None,
    experiments: Annotated[int, typer.Option("--experiments", min=2, help="Experiments behind each figure.")] = 60,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the experiments.")] = 0,
    workers: Workers = None,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Check the judge: how often reports, tournaments and seeds = "until-decided" are wrong.

    Experiments with known answers are judged, and the shares of wrong claims and of missed differences are printed. The exit code is 1 if
    more claims are wrong than chance explains.
    """
    from arena.cli import calibrate as command

    mode = output_mode(quiet, json_lines)
    sys.exit(
        command.calibrate(agents or [2], seeds or [5], apart or [0.0, 2.0], shape or [], experiments, seed=seed, workers=workers, mode=mode)
    )


@app.command()
def sync(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of experiments.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Tracker: wandb, mlflow, trackio, or one of a plug-in.")],
    project: Annotated[str, typer.Option("--project", help="Name under which the tracker gathers runs.")] = "arena",
    online: Annotated[bool, typer.Option("--online", help="Send the runs to the tracker's server; without it, nothing leaves.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Add runs again that the tracker already has.")] = False,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> None:
    """Copy runs that have ended to W&B, MLflow or Trackio.

    The run folders stay the record. A run is added once, however often this command is repeated.
    """
    from arena.cli import sync as command

    command.sync(folders, to, project, online=online, again=again, mode=output_mode(quiet, json_lines))


@app.command()
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a tournament.")],
    match: Annotated[
        list[str] | None,
        typer.Option("--match", help="A match to watch: a game's id in matches.jsonl, or ENV/PLAYER~PLAYER/EPISODE; repeat for more."),
    ] = None,
    frame_megabytes: Annotated[float, typer.Option("--frame-megabytes", min=0, help="Pictures of duels that the page may hold.")] = 4.0,
    allow: Allow = None,
) -> None:
    """Write the page of a tournament again.

    It shows the matches that you ask for besides those that it chooses itself.
    """
    from arena.cli import leaderboard as command

    command.leaderboard(folder, match or [], frame_megabytes, allow or ())


def main() -> None:
    """Runs the command line; bad input ends with one line on standard error and exit code 2, Ctrl-C with 130."""
    if importlib.util.find_spec("fcntl") is None:
        refuse("this system has no file locks (Python's fcntl): the arena runs on Linux and macOS, and on Windows under WSL")
    end_as_by_ctrl_c()
    try:
        with own_output(sys.argv):
            arguments = sys.argv[1:]
            help_too = ["--help"] if arguments in ([], ["league"]) else []
            sys.exit(app([*arguments, *help_too], prog_name="arena", standalone_mode=False))
    except ArenaError as error:
        refuse(str(error), *getattr(error, "__notes__", ()))
    except TyperException as error:
        context = getattr(error, "ctx", None)
        refuse(error.format_message().replace("Value error, ", "") + (f" ({context.command_path} --help)" if context else ""))
    except OSError as error:
        refuse_system_error(error)
    except KeyboardInterrupt:
        sys.exit(130)
