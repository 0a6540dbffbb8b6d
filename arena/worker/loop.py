"""The loop of one run: learn, evaluate, log, checkpoint, until the budget is used up."""

from arena.agent.interface import Agent, Metrics
from arena.environments.metering import Meter
from arena.errors import BudgetExhausted
from arena.run_folder.inputs import Budget
from arena.worker.checkpoint import Checkpointer
from arena.worker.run_log import RunLog
from arena.worker.selector import Selector
from arena.worker.state import TrainingState
from arena.worker.stop_reason import StopReason


def train(
    budget: Budget,
    agent: Agent,
    meter: Meter,
    state: TrainingState,
    selector: Selector,
    log: RunLog,
    checkpointer: Checkpointer,
) -> StopReason:
    """Trains an agent until its budget is used up, or not at all if `state` says that it is, and returns the part that was used up.

    Raises:
        TrainingDiverged: if the agent raises it, or if its policy isn't finite.
        EnvironmentFault: if the environment gave NaN, infinity or None, in training or in an evaluation.
        ParityBroken: if the exported policy doesn't act as the agent does.
    """
    periods = selector.period, log.period, checkpointer.period
    while state.stop_reason is None:
        before = meter.env_steps
        boundary = min(budget.env_steps, *(period.next_multiple(before) for period in periods))
        with state.measure("train"):
            metrics = _learn(agent, meter, max(1, boundary - before))
        if metrics is not None:
            state.add(metrics)
            log.add(metrics)

        after = meter.env_steps
        if metrics is None or after >= budget.env_steps:
            state.stop_reason = StopReason.ENV_STEPS
        elif budget.seconds is not None and state.timings.train >= budget.seconds:
            state.stop_reason = StopReason.SECONDS

        if state.stop_reason or selector.period.is_due(before, after):
            is_target_held = selector.evaluate()
            if is_target_held:
                state.stop_reason = StopReason.TARGET

        is_checkpoint_due = state.stop_reason is not None or checkpointer.period.is_due(before, after)
        if is_checkpoint_due or log.period.is_due(before, after):  # a checkpoint holds no episodes: they must be on disk before it
            with state.measure("log"):
                log.write_point()
        if is_checkpoint_due:
            with state.measure("checkpoint"):
                checkpointer.write(log.sync())
    return state.stop_reason


def _learn(agent: Agent, meter: Meter, num_steps: int) -> Metrics | None:
    """Returns what the agent did, or None if the environments refused a step beyond the budget."""
    try:
        return agent.learn(num_steps)
    except BudgetExhausted:
        return None
    except Exception:
        meter.settle()  # raises the environment's fault, if there is one: a learner that fails on NaN from outside isn't to blame
        raise
