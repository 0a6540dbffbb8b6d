"""Evaluations in a worker: they show how far they are, and make room for an environment of which only one can exist."""

import logging
import time
from collections.abc import Callable

from arena.environments.factory import ArenaEnvFactory
from arena.environments.vectorize import MakeSingleEnvs, make_sync_env
from arena.errors import EnvironmentUnavailable
from arena.policies.evaluation import Evaluation, evaluate
from arena.policies.policy import Policy
from arena.run_folder.events import PhaseBegan, WorkerEvent
from arena.run_folder.inputs import Run

_LOG = logging.getLogger(__name__)

SHOWN_AFTER_SECONDS = 2.0
"""Seconds after which an evaluation is shown as a phase of its own."""
SHOWN_EVERY_SECONDS = 1.0
"""Seconds between two events about how far an evaluation is."""


class Evaluator:
    """Plays policies under a run's evaluation protocol.

    Args:
        run: the inputs.
        factory: made the environments of training, which are closed first if an evaluation's cannot be made beside them.
        emit: takes the events for the executor.
        on_step: called after each reset and step of an evaluation's environments.
        make_single_envs: function that makes environments of which no vector form is known.
    """

    def __init__(
        self,
        run: Run,
        factory: ArenaEnvFactory,
        emit: Callable[[WorkerEvent], None],
        on_step: Callable[[], None] = lambda: None,
        make_single_envs: MakeSingleEnvs = make_sync_env,
    ) -> None:
        self._run, self._factory, self._emit, self._on_step = run, factory, emit, on_step
        self._make_single_envs = make_single_envs
        self._is_alone = False  # whether the environments of training must be closed first

    def play(self, policy: Policy, num_episodes: int, seed: int) -> Evaluation:
        """Plays a policy on fresh environments.

        Raises:
            EnvironmentUnavailable: if the environments cannot be made, with those of training closed.
        """
        if self._is_alone:
            self._factory.release()
            return self._play(policy, num_episodes, seed)
        try:
            return self._play(policy, num_episodes, seed)
        except EnvironmentUnavailable as error:
            _LOG.warning("training's environments are closed for each evaluation, whose own cannot be made beside them: %s", error)
            self._is_alone = True
            self._factory.release()
        try:
            return self._play(policy, num_episodes, seed)
        except EnvironmentUnavailable as error:
            raise EnvironmentUnavailable(
                f"{error}; training made it, so if only one can exist at a time, set evaluation.num_envs = 1"
            ) from error

    def _play(self, policy: Policy, num_episodes: int, seed: int) -> Evaluation:
        protocol, progress = self._run.evaluation, _Progress(num_episodes, self._emit)
        evaluation = evaluate(
            policy,
            self._run.env,
            num_episodes=num_episodes,
            seed=seed,
            max_episode_steps=protocol.max_episode_steps,
            num_envs=protocol.num_envs,
            info_metrics=protocol.info_metrics,
            on_step=self._on_step,
            progress=progress,
            make_single_envs=self._make_single_envs,
        )
        progress.end()
        return evaluation


class _Progress:
    """Tells the executor how many episodes of a long evaluation are over."""

    def __init__(self, num_episodes: int, emit: Callable[[WorkerEvent], None]) -> None:
        self._num_episodes, self._emit = num_episodes, emit
        self._next_seconds = time.monotonic() + SHOWN_AFTER_SECONDS
        self._is_shown = False

    def __call__(self, num_over: int) -> None:
        now = time.monotonic()
        if now >= self._next_seconds:
            self._next_seconds, self._is_shown = now + SHOWN_EVERY_SECONDS, True
            self._emit(PhaseBegan(phase="evaluating", progress=f"{num_over}/{self._num_episodes}"))

    def end(self) -> None:
        if self._is_shown:
            self._emit(PhaseBegan(phase="training"))
