"""Names of all curves in TensorBoard, the same for every framework; `TAGS` says what each holds. The x axis is always env steps."""

SCORE = "arena/score"
"""The name sorts before all others, so that the score is the first metric on the HParams page."""
EPISODE_RETURN = "episode/return"
EPISODE_LENGTH = "episode/length"
EVALUATION_RETURN_MEAN = "eval/episode_return_mean"
ENV_STEPS_PER_SECOND = "throughput/env_steps_per_second"
LEARNER_STEPS_PER_SECOND = "throughput/learner_steps_per_second"
ENV_FRACTION = "time/env_fraction"
ACT_FRACTION = "time/act_fraction"
LEARN_FRACTION = "time/learn_fraction"
OTHER_FRACTION = "time/other_fraction"
CPU_PERCENT = "system/cpu_percent"
RSS_BYTES = "system/rss_bytes"
GPU_MEMORY_BYTES = "system/gpu_memory_bytes"
GPU_DEVICE_MEMORY_BYTES = "system/gpu_device_memory_bytes"
GPU_PERCENT = "system/gpu_percent"
LOSS_PREFIX = "loss/"
METRIC_PREFIX = "metric/"
EPISODE_METRIC_PREFIX = "episode_metric/"
IMAGE_PREFIX = "image/"

TAGS: dict[str, str] = {
    SCORE: "Score of the run: mean undiscounted return of the kept policy over the final evaluation's episodes, which nothing else used.",
    EPISODE_RETURN: "Mean undiscounted return of the training episodes that ended since the last point, exploration included.",
    EPISODE_LENGTH: "Mean number of env steps in the training episodes that ended since the last point.",
    EVALUATION_RETURN_MEAN: "Mean undiscounted return of the greedy policy over the evaluation episodes.",
    ENV_STEPS_PER_SECOND: "Env steps per wall second of training since the last point; evaluation and compilation are left out.",
    LEARNER_STEPS_PER_SECOND: "Optimizer steps per wall second of training since the last point.",
    ENV_FRACTION: "Share of training time spent inside the environments.",
    ACT_FRACTION: "Share of training time spent choosing actions.",
    LEARN_FRACTION: "Share of training time spent on replay sampling, targets, gradients and weight updates.",
    OTHER_FRACTION: "Share of training time spent on none of environments, acting and learning.",
    CPU_PERCENT: "CPU time of the worker process over wall time since the last point; 100 is one core.",
    RSS_BYTES: "Resident memory of the worker process.",
    GPU_MEMORY_BYTES: "GPU memory that the worker process holds; absent on the CPU, and if a container hides process ids.",
    GPU_DEVICE_MEMORY_BYTES: "Memory of the run's GPU that all processes hold together; absent for runs on the CPU.",
    GPU_PERCENT: "Share of the last second or less in which the run's GPU computed, for whichever process; absent for runs on the CPU.",
    METRIC_PREFIX + "*": "Mean over the evaluation episodes of what `info` held at their end, by the names in `evaluation.info_metrics`.",
    EPISODE_METRIC_PREFIX + "*": "Mean of the same over the training episodes that ended since the last point, exploration included.",
    IMAGE_PREFIX + "*": "The best and the median episode of the final evaluation, played again as pictures (`evaluation.images`).",
    LOSS_PREFIX + "*": "Losses and related quantities that the agent's README explains.",
}
"""Description of each tag, in the order of the table in `docs/tensorboard.md`."""


def description(tag: str) -> str:
    """Returns the description of a tag, also of one below a prefix such as `loss/`; empty for a tag of somebody else's."""
    return TAGS.get(tag) or TAGS.get(f"{tag.partition('/')[0]}/*", "")
