"""Asks functions of test files in other processes, each set up for one framework as a worker's process is.

`ask(question, *arguments, spec=SPEC)` sends the name of a function and its arguments to such a process and returns what the function
returns, as JSON. Starting a process and importing a framework costs seconds, so one process answers all questions that need the same
environment variables and modules. Each question makes its own agents. A failed question raises with the traceback from the other side; a
process that dies or hangs fails the question at hand alone, and the next question gets a new process.
"""

import atexit
import dataclasses
import functools
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arena.agent.isolation import refuse_other_frameworks
from arena.machine.compile_cache import VARIABLE, compile_cache

HANG_SECONDS = 1800.0
"""Seconds after which a question counts as hanging: far beyond the longest (a minute), since the machine may be busy."""
MAX_PROCESSES = 2
"""Largest number of processes kept alive by one pytest process; each holds about a gigabyte."""
VARIABLES = {
    **dict.fromkeys(("ARENA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # a test's program runs for less time than JAX would take to compile it well
}
"""Environment variables of every process, unless a spec or a question has others: one thread, no GPU, programs compiled quickly."""


class QuestionFailed(AssertionError):
    """A question raised, or its process died or hung."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Everything that processes can differ in."""

    variables: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    """Framework modules that the process may import."""
    strict: bool
    """Whether a warning is an error."""
    other: bool = False
    """Whether it is another process than the one that answers most questions."""


class QuestionServer:
    """A process that answers one question at a time."""

    def __init__(self, setting: Setting) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        command = [sys.executable, *(("-W", "error") if setting.strict else ()), __file__, *setting.modules]
        env = {**os.environ, **dict(setting.variables)}
        self._process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def ask(self, question: Mapping[str, Any], timeout_seconds: float) -> dict[str, Any]:
        """Returns the answer, `{"result": ..., "output": ...}` or `{"error": ..., "output": ...}`; `output` is what it printed."""
        process, start = self._process, os.fstat(self._errors.fileno()).st_size
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            line = b""
        else:
            ready, _, _ = select.select([process.stdout], [], [], timeout_seconds)
            line = process.stdout.readline() if ready else None
        if line is None:
            answer = {"error": f"no answer in {timeout_seconds:g} seconds", "died": True}
        elif not line:
            answer = {"error": f"the process ended with code {process.wait()}", "died": True}
        else:
            answer = json.loads(line)
        answer["output"] = os.pread(self._errors.fileno(), 1_000_000, start).decode(errors="replace")
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


_servers: dict[Setting, QuestionServer] = {}
"""Processes that are alive; the one used last comes last."""


def ask(
    question: Callable[..., Any],
    *arguments: Any,
    spec: Any,
    config: Any = None,
    variables: Mapping[str, str] | None = None,
    strict: bool = False,
    silent: bool = False,
    fresh: bool = False,
    other: bool = False,
) -> Any:
    """Calls a function of a test file in a process set up for an agent, and returns its result.

    Args:
        question: Function at the top level of a test file, which the other process imports.
        arguments: JSON values.
        spec: Spec of the agent, whose modules the process may import.
        config: Config of the agent, on which environment variables and modules depend.
        variables: Environment variables beyond the spec's and `VARIABLES`.
        strict: A warning is an error.
        silent: Output is an error.
        fresh: The process answers no other question, before or after.
        other: The process answers only questions that were asked with this, none of those that were asked without.

    Raises:
        QuestionFailed: with the traceback or the exit code, and everything the function printed.
    """
    process_env = {**VARIABLES, VARIABLE: _programs().name, **spec.process_env_for(config), **(variables or {})}
    setting = Setting(tuple(sorted(process_env.items())), tuple(sorted(spec.modules_for(config))), strict, other)
    server = QuestionServer(setting) if fresh else _server(setting)
    code = question.__code__
    answer = server.ask({"file": code.co_filename, "function": question.__name__, "arguments": arguments}, HANG_SECONDS)
    if fresh or answer.get("died"):
        server.close()
        if not fresh:
            del _servers[setting]
    if silent and answer["output"] and "error" not in answer:
        answer["error"] = "printed something"
    if "error" in answer:
        raise QuestionFailed(f"{question.__name__}: {answer['error']}\n{answer['output'][-4_000:]}".rstrip())
    return answer["result"]


def _server(setting: Setting) -> QuestionServer:
    server = _servers.pop(setting, None) or QuestionServer(setting)
    _servers[setting] = server
    while len(_servers) > MAX_PROCESSES:
        _servers.pop(next(iter(_servers))).close()
    return server


@functools.cache
def _programs() -> tempfile.TemporaryDirectory[str]:
    """Returns the folder for what JAX compiles: an agent of the same shape as one before it is not compiled again."""
    return tempfile.TemporaryDirectory(prefix="programs-")


@atexit.register
def _close_all() -> None:
    while _servers:
        _servers.popitem()[1].close()
    if _programs.cache_info().currsize:
        _programs().cleanup()


def serve() -> None:
    """Answers questions from stdin until it ends. Whatever a question prints goes to stderr, so that stdout holds answers alone."""
    modules = frozenset(sys.argv[1:])
    refuse_other_frameworks(modules)
    with compile_cache("questions", modules & {"jax"}, {}):
        _answer()


def _answer() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    files: dict[str, Any] = {}
    for line in sys.stdin:
        question = json.loads(line)
        try:
            path = question["file"]
            if path not in files:
                files[path] = _load(path)
            answer = {"result": getattr(files[path], question["function"])(*question["arguments"])}
        except BaseException:  # pytest.fail too
            answer = {"error": traceback.format_exc()}
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _load(path: str) -> Any:
    name = f"questions_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    serve()
