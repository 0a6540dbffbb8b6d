"""The metadata that a run writes into its policy file (`arena.policies.metadata`)."""

from arena.environments.factory import ArenaEnvFactory
from arena.policies.evaluation import Evaluation
from arena.policies.metadata import (
    AgentMetadata,
    EnvMetadata,
    PolicyMetadata,
    ScoreMetadata,
    TrainingMetadata,
    kept_arguments,
    space_metadata,
)
from arena.run_folder.inputs import Run
from arena.run_folder.seal import hash_value


def describe(
    run: Run, factory: ArenaEnvFactory, env_steps: int, selection_return: float, final: Evaluation | None = None
) -> PolicyMetadata:
    """Returns the metadata of a policy of a run: the same for every run with equal inputs that learns the same.

    Args:
        run: Inputs of the run.
        factory: Knows the environment.
        env_steps: Env steps of training when the policy was taken.
        selection_return: Mean return in the selection evaluation that chose it.
        final: Final evaluation; None before it.
    """
    spec, identity = run.spec(), factory.identity
    observations, actions = space_metadata(
        factory.observation_space,
        factory.action_space,
        declared=(identity["observation_space"], identity["action_space"]),
        names=factory.names,
    )
    return PolicyMetadata(
        agent=AgentMetadata(id=run.agent.agent, name=run.agent.name, framework=spec.framework, algorithm=spec.algorithm),
        env=EnvMetadata(
            id=run.env.id,
            arguments=kept_arguments(run.env.kwargs),
            form=kept_arguments(run.env.form) if run.env.form else None,
            distribution=identity["distribution"],
            version=identity["version"],
            entry_point=identity["entry_point"],
            wrappers=tuple(identity["wrappers"]),
            max_episode_steps=identity["max_episode_steps"],
        ),
        observations=observations,
        actions=actions,
        training=TrainingMetadata(
            seed=run.seed,
            experiment_seed=run.experiment_seed,
            env_steps=env_steps,
            selection_return=selection_return,
            inputs_sha256=hash_value(run.inputs()),
            score=None if final is None else _score(final),
        ),
    )


def _score(final: Evaluation) -> ScoreMetadata:
    return ScoreMetadata(
        mean=final.episode_return_mean, std=final.episode_return_std, num_episodes=len(final.episode_returns), num_cut=final.num_cut
    )
