"""Pictures of the final evaluation in TensorBoard: its best and its median episode, played again once the score is known."""

import sys
from collections.abc import Callable

from arena.environments.rendering import CannotRender
from arena.formats.readable import one_line
from arena.policies.evaluation import Evaluation
from arena.policies.policy import Policy
from arena.run_folder.inputs import Run
from arena.seeding import evaluation_seeds
from arena.watching.film import chosen_episodes, film_episode
from arena.worker.run_log import RunLog

SAME_RETURN = 0.01
"""Largest difference between the returns of an episode and of the same episode played again."""


def draw_episodes(
    run: Run, policy: Policy, evaluation: Evaluation, log: RunLog, env_steps: int, on_step: Callable[[], None] = lambda: None
) -> None:
    """Writes moving pictures of two episodes into the event file; what cannot be drawn has none, and the run's log says why.

    Args:
        run: the inputs.
        policy: policy that played.
        evaluation: final evaluation of the run.
        log: receives the pictures.
        env_steps: env steps after which the policy was taken.
        on_step: called after each reset and step: playing again is progress, however long it takes.
    """
    for which, episode in chosen_episodes(evaluation.episode_returns.tolist()).items():
        try:
            film = film_episode(
                policy,
                run.env,
                num_episodes=len(evaluation.episode_returns),
                seed=evaluation_seeds(run.experiment_seed).final,
                episode=episode,
                num_steps=int(evaluation.episode_lengths[episode]),
                num_envs=run.evaluation.num_envs,
                one_by_one=bool(run.evaluation.info_metrics),
                on_step=on_step,
            )
            expected, found = float(evaluation.episode_returns[episode]), film.returns[-1]
            if abs(found - expected) > SAME_RETURN:
                raise CannotRender(f"played again, its return is {found:g} and not {expected:g}")
        except Exception as error:  # another package's code draws: it must not cost the run
            sys.stderr.write(f"the {which} episode has no picture in TensorBoard: {one_line(error)}\n")
        else:
            log.add_picture(which, film.gif(), film.images[0].size, env_steps)
