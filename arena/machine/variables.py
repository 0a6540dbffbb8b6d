"""The environment variables that the arena reads: what each does, and who sets it. `arena env` prints this list with the values of now."""

import dataclasses
from typing import Literal

SetBy = Literal["you", "the arena"]


@dataclasses.dataclass(frozen=True)
class Variable:
    """One environment variable."""

    name: str
    """Name of the variable."""
    set_by: SetBy
    """Who sets it. A variable that the arena sets for its workers is overwritten there, whatever it was before."""
    meaning: str
    """What the value does, in one sentence."""


VARIABLES = (
    Variable(
        "ARENA_CACHE", "you", "Folder for compiled programs; empty or `off` keeps none. Default: `arena-rl` in the folder for caches."
    ),
    Variable("ARENA_WARM", "you", "`off` or `0` lets every worker import its framework itself, instead of forking it from a server."),
    Variable("XDG_CACHE_HOME", "you", "Folder for caches, by the convention of Linux desktops. Default: `~/.cache`."),
    Variable("CUDA_VISIBLE_DEVICES", "you", "GPUs that runs may use, by number or id. Default: all. A worker sees those of its own share."),
    Variable("RAY_ADDRESS", "you", "Address of the Ray cluster, where the file and the command line give none."),
    Variable("RAY_AUTH_MODE", "you", "Ray's own: `token` asks for a token; the arena says so when it connects."),
    Variable("TF_XLA_FLAGS", "you", "TensorFlow's own: flags of its compiler. The arena adds the folder for compiled programs."),
    Variable(
        "ARENA_KEEP_DYNAMO", "you", "`1` lets RLlib's agents import PyTorch's compiler, which they do not need and which takes seconds."
    ),
    Variable("CC", "you", "The C compiler with which `arena export` tries the C code that it wrote. Default: `cc`."),
    Variable("DISPLAY", "you", "The desktop's own: screen of an X server, which `arena watch` opens its window on."),
    Variable("WAYLAND_DISPLAY", "you", "The desktop's own: the same of a Wayland compositor."),
    Variable("SDL_VIDEODRIVER", "you", "SDL's own: how windows are drawn; `dummy` draws none."),
    Variable("PYTHONSAFEPATH", "the arena", "Python's own: keeps the current folder off the import path of processes that play policies."),
    Variable("ARENA_NUM_THREADS", "the arena", "Number of cores of a worker, by which frameworks size their pools of threads."),
    Variable("ARENA_CPUS", "the arena", "Cores that a worker binds itself to, separated by commas."),
    Variable("ARENA_GPU_SHARE", "the arena", "Share of a GPU's memory that a worker may take, from 0 to 1."),
    Variable("ARENA_WORKERS", "the arena", "Number of runs that are at work at a time; recorded in `run.json`."),
    Variable("ARENA_STARTED", "the arena", "Moment at which a worker was asked for, from which its start-up is measured."),
    Variable("ARENA_IMPORTED", "the arena", "Moments at which the server of a warm worker began and ended to import its framework."),
)
"""Every environment variable that the arena and its agents read. The terminal's own (`TERM`, `COLUMNS`, `NO_COLOR`) are read by rich."""
