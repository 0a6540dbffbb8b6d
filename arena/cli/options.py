"""Options that several commands of the command line share, and the mode in which a command writes."""

import contextlib
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from arena.errors import ArenaError

Wrappers = Annotated[
    list[str] | None,
    typer.Option("--wrapper", metavar="NAME(KEY=VALUE)", help="Put a wrapper around it: a preset (atari), or package.module:Class."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but scores of runs, and errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
ExperimentsFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder in which the experiment's folder is made.")]
OtherFolder = Annotated[Path | None, typer.Option("--output", "-o", help="Folder in which the experiment's folder is made.")]
Workers = Annotated[int | None, typer.Option("--workers", "-w", min=0, help="Runs at a time; 0 means one per core.")]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Policies = Annotated[
    list[str],
    typer.Argument(metavar="POLICY...", help="Policy files, or run or experiment folders; NAME=PATH names one.", show_default=False),
]
PoliciesAndEnv = Annotated[
    list[str],
    typer.Argument(
        metavar="POLICY... ENV",
        help="Policy files, or run or experiment folders (NAME=PATH names one), and a Gymnasium id; runs of one environment need no id.",
        show_default=False,
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try runs again that failed earlier, from their last checkpoint.")]

Extend = Annotated[bool, typer.Option("--extend", help="Continue runs that finished with a smaller budget of env steps.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="End once other arenas have what is left, instead of waiting for them.")]


class Listed(StrEnum):
    """Kinds of things that `arena list` lists."""

    agents = "agents"
    envs = "envs"
    configs = "configs"
    tuned = "tuned"


class ExecutorName(StrEnum):
    """The executors of `arena run`."""

    local = "local"
    ray = "ray"


class ScheduleOption(StrEnum):
    """The schedules of `arena tournament`."""

    round_robin = "round-robin"
    swiss = "swiss"
    adaptive = "adaptive"


ExecutorOption = Annotated[ExecutorName | None, typer.Option("--executor", help="Place of the workers: this machine, or a Ray cluster.")]
Address = Annotated[str | None, typer.Option("--address", help="Address of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")]
Storage = Annotated[str | None, typer.Option("--storage", metavar="URI", help="Keep checkpoints and run folders of a cluster here.")]
EqualWithin = Annotated[
    float, typer.Option("--equal-within", metavar="P", help="Distance from an even chance within which two agents count as equal.")
]
"""Option `--equal-within`."""


def agents_beginning(text: str) -> list[str]:
    """Returns the agent ids that begin with a text, for a shell that completes it."""
    from arena.agent.registry import agent_ids

    return [agent_id for agent_id in agent_ids() if agent_id.startswith(text)]


def envs_beginning(text: str) -> list[str]:
    """Returns the environment ids that begin with a text, for a shell that completes it."""
    from arena.environments.plugins import registered_ids

    return [env_id for env_id in registered_ids() if env_id.startswith(text)]


MaxEpisodeSteps = Annotated[
    int | None,
    typer.Option("--max-episode-steps", min=1, help="Cut evaluation episodes here; by default at 10,000 where nothing else limits them."),
]
MaxPlies = Annotated[
    int | None,
    typer.Option("--max-plies", min=1, help="Moves after which a game that has not ended is a draw; 10,000 by default."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NAME",
        help="Something that a folder names and that may be loaded: module:Id, package.module, a file, a folder of runs; repeat for more.",
    ),
]


def output_mode(quiet: bool, json_lines: bool) -> Literal["auto", "quiet", "json"]:
    """Returns the mode in which a command writes.

    Raises:
        ArenaError: if two exclude each other.
    """
    if quiet and json_lines:
        raise ArenaError("--quiet and --json exclude each other")
    if quiet:
        return "quiet"
    return "json" if json_lines else "auto"


def own_output(arguments: list[str]) -> contextlib.AbstractContextManager[None]:
    """Returns the context in which a command runs: with `--json`, only its own output goes to standard output."""
    if "--json" not in arguments:
        return contextlib.nullcontext()
    from arena.terminal.output import only_own_output

    return only_own_output()


def refuse(message: str, *notes: str) -> NoReturn:
    """Ends the command with one line on standard error, its notes below, and exit code 2."""
    from arena.terminal.output import complain

    complain(f"arena: {' '.join(message.split())}", *notes)
    sys.exit(2)


def refuse_system_error(error: OSError) -> NoReturn:
    """Ends the command as `refuse` does, with what to do about an error of the operating system.

    Raises:
        OSError: the error itself, if no user can do anything about it: its traceback is for a programmer.
    """
    from arena.formats.system_errors import system_error_sentence

    if (sentence := system_error_sentence(error)) is None:
        raise error
    try:
        sys.stdout.flush()
    except OSError:  # standard output itself has no room; what it holds is not tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    refuse(sentence)


def end_as_by_ctrl_c() -> None:
    """Lets what ends a job, or its terminal, end its workers as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` lets a job outlive its terminal
        signal.signal(signal.SIGHUP, signal.default_int_handler)
