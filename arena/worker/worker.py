"""One run, one process, one framework: `python -m arena.worker RUN_FOLDER NAME...`.

The run folder's `run.json` says what to do; import paths and files in it are loaded only if they are among the names. Events go to
standard output, one JSON object a line, for the executor that started this process. Everything that a framework prints goes to
`worker.log`.
"""

import contextlib
import dataclasses
import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TextIO

from arena.agent.interface import Agent
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.spec import AgentSpec
from arena.environments.factory import ArenaEnvFactory
from arena.environments.identity import refuse_changed_environment
from arena.environments.metering import Meter
from arena.environments.word import refuse_without_word
from arena.errors import ArenaError, DeviceUnavailable, EnvironmentFault, TrainingDiverged
from arena.executors.base import DISK_FULL_CODE
from arena.executors.process import BUSY_CODE, CPUS_VARIABLE, IMPORTED_VARIABLE, STARTED_VARIABLE, WORKERS_VARIABLE
from arena.experiment.compatibility import env_frameworks
from arena.formats.disk import full_disk_reason
from arena.formats.locks import FolderBusy, FolderLock
from arena.learning.normalized_agent import build_agent
from arena.machine.compile_cache import compile_cache
from arena.machine.description import load_average, machine_info
from arena.machine.devices import isolate, resolve_device
from arena.machine.gpus import visible_gpus
from arena.machine.usage import UsageSampler
from arena.machine.versions import CORE_DISTRIBUTIONS, git_commit, package_versions
from arena.policies.evaluation import Evaluation
from arena.run_folder.attempts import Attempt, add_attempt
from arena.run_folder.events import Heartbeat, PhaseBegan, WorkerEvent, event_line
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult, Status
from arena.run_folder.schema import Provenance, write_result, write_run
from arena.run_folder.timings import Part, Timings
from arena.run_folder.warm_start import Origin, find_origin
from arena.seeding import training_seeds
from arena.worker.checkpoint import Checkpointer
from arena.worker.env_workers import EnvWorkers
from arena.worker.evaluating import Evaluator
from arena.worker.heartbeat import Pulse, heartbeats
from arena.worker.loop import train
from arena.worker.run_log import RunLog
from arena.worker.selector import Selector
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason

LOCK_SECONDS = 60.0
"""Seconds to wait for the run folder: an earlier worker whose arena was killed needs a moment to end."""


def work(run_dir: RunDir, emit: Callable[[WorkerEvent], None], allow: Collection[str] = (), pulse: Pulse | None = None) -> RunResult:
    """Does the run that `run_dir` describes, from its last checkpoint if there is one, and returns its outcome.

    Args:
        run_dir: the run folder.
        emit: takes the events for the executor.
        allow: import paths and files that the run may name (`Task.allow`); a run folder alone has no such word.
        pulse: takes the run's progress; None tells nobody.

    Raises:
        ArenaError: if the run names any other.
    """
    clock, pulse = StartClock(), pulse or Pulse()
    record = RunRecord(run_dir.path)
    run, earlier = record.run.with_word(allow), record.provenance.environment
    refuse_without_word(run.env, run_dir.run)
    spec, config = run.spec(), run.config()
    frameworks = spec.modules_for(config) | env_frameworks(run.env, run.resources.env_frameworks)
    refuse_other_frameworks(frameworks)
    env_workers = EnvWorkers(count=run.resources.env_workers, stall_seconds=run.resources.stall_seconds, allowed=frameworks)
    provenance = dataclasses.replace(_provenance(spec), environment=earlier, init=record.provenance.init)
    if run.agent.init is not None and run_dir.latest_checkpoint() is None:
        provenance = dataclasses.replace(provenance, init=find_origin(run).described())
    write_run(run_dir, run, provenance)
    device = resolve_device(run.resources.device)
    own_device = isolate(device)
    with compile_cache(spec.id, spec.modules_for(config), package_versions((*spec.distributions, "jaxlib"))) as keep_compiled:
        clock.lap("start")
        with _no_collection():
            pulse.activity = "importing"
            emit(PhaseBegan(phase="importing"))
            agent_class = spec.load()
            clock.lap("import_")
            pulse.activity = "building"
            emit(PhaseBegan(phase="building"))
            seeds = training_seeds(run.experiment_seed, run.seed)
            # What an agent steps inside its own program fills no `info`.
            info_metrics = () if spec.device_iteration(config) else run.evaluation.info_metrics
            meter = Meter(run.budget.env_steps, info_metrics)
            factory = ArenaEnvFactory(run.env, meter, seeds.env, snapshots=run_dir.snapshots, make_single_envs=env_workers.make)
            pulse.meter = factory.meter
            if run_dir.latest_checkpoint() is not None:
                refuse_changed_environment(earlier, factory.identity, run_dir.path)
            provenance = dataclasses.replace(provenance, environment=factory.identity)
            write_run(run_dir, run, provenance)
            try:
                agent = build_agent(agent_class, factory, config, seed=seeds.agent, device=own_device)
            except DeviceUnavailable:
                if run.resources.device != "auto":
                    raise
                device = "cpu"
                agent = build_agent(agent_class, factory, config, seed=seeds.agent, device=device)
            keep_compiled()
            clock.lap("build")
        with contextlib.closing(agent):
            options: Any = {"device": device, "pulse": pulse, "env_workers": env_workers}
            result = train_and_judge(run, run_dir, agent, factory, emit, clock.timings, **options)
    run_dir.folder.refuse_another()
    write_run(run_dir, run, dataclasses.replace(provenance, load_at_end=load_average()))
    return result


def train_and_judge(
    run: Run,
    run_dir: RunDir,
    agent: Agent,
    factory: ArenaEnvFactory,
    emit: Callable[[WorkerEvent], None],
    timings: Timings,
    *,
    device: str = "cpu",
    pulse: Pulse | None = None,
    env_workers: EnvWorkers | None = None,
) -> RunResult:
    """Trains a new agent, or one restored from the run's latest checkpoint, judges its kept policy, and returns the outcome.

    Args:
        run: the inputs.
        run_dir: records everything.
        agent: has just been built.
        factory: made the agent's environments.
        emit: takes the events for the executor.
        timings: seconds that this attempt has taken so far.
        device: the agent's device.
        pulse: takes the run's progress; None tells nobody.
        env_workers: processes that step the environments; None means none.
    """
    env_workers = env_workers or EnvWorkers(count=0)
    state = TrainingState(timings=timings, pulse=pulse or Pulse(), env_cpu_seconds=lambda: env_workers.cpu_seconds)
    meter = factory.meter
    run_dir.clear_remains()
    checkpointer = Checkpointer(run_dir, agent, factory, state, period=run.checkpoint_period)
    lengths, damages = checkpointer.restore()
    if run.agent.init is not None and not checkpointer.has_checkpoint:
        _begin_from(find_origin(run), agent, factory)
    for damage in damages:
        sys.stderr.write(f"{damage}\n")
        emit(PhaseBegan(phase="building", message=damage))
    if run.extended_from and state.stop_reason is StopReason.ENV_STEPS and meter.env_steps <= run.extended_from[-1]:
        state.stop_reason = None
    attempt = Attempt(started=time.strftime("%Y-%m-%dT%H:%M:%S%z"), env_steps=meter.env_steps, notes=tuple(damages))
    state.num_attempts = max(state.num_attempts, add_attempt(run_dir, attempt))
    usage = UsageSampler([] if device == "cpu" else visible_gpus())
    status: Status = "finished"
    final: Evaluation | None = None
    with contextlib.closing(RunLog(run, run_dir, meter, state, emit, lengths, usage)) as log:
        evaluator = Evaluator(run, factory, emit, state.pulse.beat, env_workers.make)
        selector = Selector(run, run_dir, agent, factory, meter, state, log, evaluator.play, keeps_snapshots=factory.snapshots is not None)
        log.begin()
        emit(PhaseBegan(phase="training"))
        env_workers.is_building = False
        state.pulse.activity = "training"
        try:
            reason = train(run.budget, agent, meter, state, selector, log, checkpointer).sentence(run.budget)
            final = selector.final_evaluation()
        except TrainingDiverged as error:
            status, reason = "diverged", str(error)
        except EnvironmentFault as error:
            traceback.print_exc()
            status, reason = "env_failed", str(error)
        log.finish(succeeded=final is not None)
    state.timings.env = meter.env_seconds
    return RunResult(
        status=status,
        agent=run.agent.name,
        env=run.env.name,
        seed=run.seed,
        path=str(run_dir.path),
        reason=reason,
        env_steps=meter.env_steps,
        num_episodes=meter.num_episodes,
        num_cut_episodes=meter.num_cut_episodes,
        learner_steps=state.learner_steps,
        score_mean=final.episode_return_mean if final else None,
        score_std=final.episode_return_std if final else None,
        score_episodes=run.evaluation.final_episodes if final else 0,
        score_num_cut=final.num_cut if final else 0,
        policy_env_steps=state.policy_env_steps,
        seconds=state.timings,
        cpu_seconds=state.cpu_seconds,
        device=device,
        parity=state.parity,
        num_outside_observations=meter.num_outside + state.num_outside,
        follows_seed=factory.follows_seed,
        num_attempts=state.num_attempts,
    )


def _begin_from(origin: Origin, agent: Agent, factory: ArenaEnvFactory) -> None:
    """Gives a new agent all that another run's agent had learned; env steps and records begin at zero.

    Raises:
        ArenaError: if the agent cannot take it over.
    """
    try:
        agent.restore(origin.checkpoint / "agent")
    except Exception as error:
        raise ArenaError(f"init: {origin.checkpoint} cannot be taken over ({type(error).__name__}: {error})") from error
    factory.cut_episodes(0)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Collects no garbage, and never looks again through what is there at the end (docs/startup.md).

    Frameworks leave 180,000 to 390,000 objects that stay; collections pass through them several times in the import and once in training.
    What is in a cycle by then, and is dropped later, is kept to the end of the process.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _provenance(spec: AgentSpec) -> Provenance:
    return Provenance(
        versions=package_versions((*CORE_DISTRIBUTIONS, *spec.distributions)),
        machine=machine_info(),
        git=git_commit(Path.cwd()),
        command=tuple(sys.orig_argv),
        started=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        workers=int(os.environ.get(WORKERS_VARIABLE, "0")) or None,
        load_at_start=load_average(),
    )


class StartClock:
    """Measures the parts of a worker's start, from the request for the process, or from now if nobody noted that."""

    def __init__(self) -> None:
        self.timings = Timings()
        """Seconds of the parts so far."""
        self._since = float(os.environ.pop(STARTED_VARIABLE, "") or time.monotonic())
        imported = os.environ.pop(IMPORTED_VARIABLE, "")
        if imported:
            self._count_import_of_server(*map(float, imported.split(",")))

    def _count_import_of_server(self, began: float, ended: float) -> None:
        """Counts the seconds as import that this run has waited for its server's, and no others."""
        waited = max(0.0, ended - max(began, self._since))
        self.timings.add("import_", waited)
        self._since += waited

    def lap(self, part: Part) -> None:
        """Ends a part; the next begins."""
        now = time.monotonic()
        self.timings.add(part, now - self._since)
        self._since = now


def _redirect_output(run_dir: RunDir) -> TextIO:
    """Sends standard output and error to the run's log, also those of C libraries, and returns a stream to the old standard output."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    with run_dir.folder.open(run_dir.log.name, "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    return events


def _out_of_memory(error: MemoryError) -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    what = f" ({error})" if str(error) else ""
    return f"out of memory{what}; peak {peak / 1e9:.1f} GB"


def main(path: str, allow: Collection[str] = ()) -> int:
    """Works in the run folder `path`, loading what `allow` names.

    Returns:
        The exit code: 0, 1 if the run crashed, or `DISK_FULL_CODE` if it can be resumed once there is room.
    """
    run_dir = RunDir(Path(path))
    events = _redirect_output(run_dir)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)  # asked for before a run that hangs is ended
    writing, pulse = threading.Lock(), Pulse()

    def emit(event: WorkerEvent | Heartbeat) -> None:
        with writing:
            events.write(event_line(event))
            events.flush()  # fails once the parent is gone, which ends the worker

    if (cpus := os.environ.get(CPUS_VARIABLE)) and hasattr(os, "sched_setaffinity"):  # Linux alone has it
        os.sched_setaffinity(0, json.loads(f"[{cpus}]"))
    try:
        with FolderLock(run_dir.path, wait_seconds=LOCK_SECONDS), heartbeats(pulse, emit):
            run_dir.folder.hold()
            write_result(run_dir, work(run_dir, emit, allow, pulse))
    except FolderBusy:
        traceback.print_exc()
        return BUSY_CODE
    except MemoryError as error:
        traceback.print_exc()
        sys.stderr.write(f"{_out_of_memory(error)}\n")
        return 1
    except Exception as error:
        reason = full_disk_reason(error)
        with contextlib.suppress(OSError):  # the log may be on the full disk too
            traceback.print_exc()
            sys.stderr.write(f"{reason}\n" if reason else "")
            sys.stderr.flush()
        return DISK_FULL_CODE if reason else 1
    return 0
