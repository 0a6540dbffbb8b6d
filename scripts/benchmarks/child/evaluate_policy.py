"""Evaluates `policy.onnx` by `arena.policies.evaluation`, which the benchmark `performance` compares with SB3's `evaluate_policy`."""

from pathlib import Path

from arena.environments.config import EnvConfig
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from benchmarks.child.probe import LoopProbe

NUM_EPISODES = 100


def main() -> None:
    """Evaluates over 100 episodes on new environments, as the training loop and `arena tournament` do."""
    probe = LoopProbe()
    policy = OnnxPolicy(Path(probe.hyperparameters["folder"]) / "policy.onnx")
    config = EnvConfig("CartPole-v1")
    evaluate(policy, config, num_episodes=2, seed=1)
    probe.begin()
    evaluation = evaluate(policy, config, num_episodes=NUM_EPISODES, seed=probe.seed)
    probe.finish(env_steps=int(evaluation.episode_lengths.sum()), updates=0, episode_return_mean=evaluation.episode_return_mean)


if __name__ == "__main__":
    main()
