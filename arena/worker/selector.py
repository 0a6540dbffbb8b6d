"""The selector: evaluates an agent's policy while it trains, and decides which policy the run is judged by."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from arena.agent.interface import Agent
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import EnvironmentFault
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.evaluation import Evaluation
from arena.policies.metadata import write_metadata
from arena.policies.parity import check_every, check_parity
from arena.policies.policy import OnnxPolicy, Policy
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.seeding import evaluation_seeds
from arena.worker.described_policy import describe
from arena.worker.period import Period
from arena.worker.run_log import RunLog
from arena.worker.state import TrainingState

Play = Callable[[Policy, int, int], Evaluation]
"""`play(policy, num_episodes, seed)` plays a policy on fresh environments."""


class Selector:
    """Keeps the best policy of a run, or the last, in `policy.onnx`.

    Args:
        run: the inputs: evaluation protocol, target return and seeds.
        run_dir: receives the policy.
        agent: exports policies.
        factory: knows the environment.
        meter: counts the env steps of training.
        state: receives the kept policy's return, env steps and parity.
        log: receives every evaluation.
        play: plays a policy.
        keeps_snapshots: whether every evaluated policy is added to the run's snapshots, for an environment that plays against them.
        load_found: loads a policy that was in the run folder before, whoever wrote it.
    """

    def __init__(
        self,
        run: Run,
        run_dir: RunDir,
        agent: Agent,
        factory: ArenaEnvFactory,
        meter: Meter,
        state: TrainingState,
        log: RunLog,
        play: Play,
        *,
        keeps_snapshots: bool = False,
        load_found: Callable[[Path], AbstractContextManager[Policy]] = BoundedPolicy,
    ) -> None:
        self.period = Period(run.evaluation.period)
        self._run, self._run_dir, self._agent, self._factory, self._meter = run, run_dir, agent, factory, meter
        self._state, self._log, self._play_episodes, self._keeps_snapshots = state, log, play, keeps_snapshots
        self._seeds = evaluation_seeds(run.experiment_seed)
        self._load_found, self._is_kept_policy_own = load_found, False

    def evaluate(self) -> bool:
        """Evaluates the agent's present policy and keeps it if it is the one to keep; returns whether it holds the target return.

        Raises:
            TrainingDiverged: if a score of a policy to keep isn't finite.
            EnvironmentFault: if the environment gives NaN, infinity or None.
            ParityBroken: if a policy to keep doesn't act as the agent does.
        """
        with self._state.measure("evaluate"), self._run_dir.folder.private() as private:
            candidate = self._run_dir.path / private / self._run_dir.policy.name
            self._agent.export_policy(candidate)
            policy, env_steps = OnnxPolicy(candidate), self._meter.env_steps
            if self._keeps_snapshots or self._is_snapshot_due(env_steps):
                self._run_dir.add_snapshot(candidate, env_steps)
            evaluation = self._play(policy, self._run.evaluation.episodes, self._seeds.selection)
            self._log.add_evaluation("selection", evaluation, env_steps)
            is_target_held = self._holds_target(policy, evaluation)
            if is_target_held or self._is_to_keep(evaluation):
                self._keep(policy, evaluation, env_steps)
        return is_target_held

    def final_evaluation(self) -> Evaluation:
        """Plays the kept policy on seeds that were used for nothing else: the run's score.

        The agent's own policy of now is then asked for its actions on every observation that was recorded, and so is its exported file.

        Raises:
            EnvironmentFault: if the environment gives NaN, infinity or None.
            ParityBroken: if the agent's present policy, exported, acts otherwise than the agent.
            PolicyBroke: if the kept policy is one that this process found in the run folder, and it breaks a bound.
        """
        with self._state.measure("evaluate"):
            with self._kept_policy() as policy:
                evaluation = self._play(policy, self._run.evaluation.final_episodes, self._seeds.final)
                self._log.add_evaluation("final", evaluation, self._state.policy_env_steps or 0)
                if self._run.evaluation.images:
                    pictures = importlib.import_module("arena.worker.episode_pictures")  # with it comes what draws
                    env_steps = self._state.policy_env_steps or 0
                    pictures.draw_episodes(self._run, policy, evaluation, self._log, env_steps, self._state.pulse.beat)
            self._describe(self._run_dir.policy, evaluation)
            with self._run_dir.folder.private() as private:
                present = self._run_dir.path / private / self._run_dir.policy.name
                self._agent.export_policy(present)
                check_every(OnnxPolicy(present), self._agent.act, self._factory.action_space, evaluation.visited_observations)
        return evaluation

    def _kept_policy(self) -> AbstractContextManager[Policy]:
        """Returns the kept policy; one that a resumed run found in its folder plays with bounds, since the folder may be a stranger's."""
        path = self._run_dir.policy
        return nullcontext(OnnxPolicy(path)) if self._is_kept_policy_own else self._load_found(path)

    def _holds_target(self, policy: OnnxPolicy, evaluation: Evaluation) -> bool:
        """Returns whether a policy reached the target return in its evaluation, and again over the target's own episodes."""
        budget = self._run.budget
        if budget.target_return is None or evaluation.episode_return_mean < budget.target_return:
            return False
        again = self._play(policy, budget.target_episodes, self._seeds.target)
        self._log.add_evaluation("target", again, self._meter.env_steps)
        return again.episode_return_mean >= budget.target_return

    def _is_to_keep(self, evaluation: Evaluation) -> bool:
        best = self._state.best_return
        return self._run.evaluation.keep == "last" or best is None or evaluation.episode_return_mean >= best

    def _is_snapshot_due(self, env_steps: int) -> bool:
        """Returns whether a policy that was taken after `env_steps` is one of those that `evaluation.keep_policies` asks for."""
        wanted = self._run.evaluation.keep_policies
        if wanted is None or wanted == "all":
            return wanted is not None
        return Period(wanted).is_due(max(self._run_dir.snapshot_steps(), default=0), env_steps)

    def _keep(self, policy: OnnxPolicy, evaluation: Evaluation, env_steps: int) -> None:
        spaces = self._factory.observation_space, self._factory.action_space
        parity = check_parity(policy, self._agent.act, *spaces, evaluation.visited_observations, seed=self._run.seed)
        self._state.best_return, self._state.policy_env_steps, self._state.parity = evaluation.episode_return_mean, env_steps, parity
        self._describe(policy.path)
        name = self._run_dir.policy.name
        self._run_dir.folder.move(f"{policy.path.parent.name}/{name}", name)
        self._is_kept_policy_own = True

    def _describe(self, path: Path, final: Evaluation | None = None) -> None:
        """Writes the metadata of the kept policy into its file."""
        env_steps, selection_return = self._state.policy_env_steps, self._state.best_return
        assert env_steps is not None
        assert selection_return is not None
        write_metadata(path, describe(self._run, self._factory, env_steps, selection_return, final))

    def _play(self, policy: Policy, num_episodes: int, seed: int) -> Evaluation:
        with self._state.measure("play"):
            evaluation = self._play_episodes(policy, num_episodes, seed)
        if not np.isfinite(evaluation.episode_returns).all():
            raise EnvironmentFault("the environment gave rewards whose sum over an episode is infinite; scale its rewards")
        self._state.num_outside += evaluation.num_outside
        return evaluation
