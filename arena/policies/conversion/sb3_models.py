"""Policies from Stable-Baselines3 (DQN, PPO, A2C, SAC, TD3, DDPG): the part of the model that acts, with its normalisation."""

import importlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.policies.conversion.conversion import Conversion, refusal
from arena.policies.conversion.torch_models import from_torch
from arena.policies.policy import OnnxPolicy

Array = npt.NDArray[Any]


def from_sb3(
    model: Any,
    path: Path | str,
    *,
    observation_space: gym.Space[Any] | None = None,
    action_space: gym.Space[Any] | None = None,
    vec_normalize: Any = None,
) -> OnnxPolicy:
    """Writes a model of Stable-Baselines3 as a policy file, and returns the policy; it acts as `predict(..., deterministic=True)` does.

    Args:
        model: Model, trained or from `DQN.load("model.zip")`. Loading a zip unpickles parts of it: load only what you trust.
        path: File to write.
        observation_space: Observations of the environment; None takes those of the model.
        action_space: Actions of the environment; None takes those of the model.
        vec_normalize: `VecNormalize` that normalised the observations in training; None takes that of the model's environment, if it has
            one. A model from a zip has none: give `VecNormalize.load("stats.pkl", env)`.

    Raises:
        ArenaError: If the model has a part that cannot be written; says which.
    """
    policy, what = model.policy, f"Stable-Baselines3's {type(model).__name__}"
    own_observations, own_actions = observation_space or model.observation_space, action_space or model.action_space
    if isinstance(own_observations, gym.spaces.Dict):
        raise refusal(what, "it takes a Dict of observations; policies take one array")
    Conversion(what, own_observations, own_actions)  # refuses spaces before the model is taken apart
    parts, squashed = _acting_parts(policy, what)
    torch = importlib.import_module("torch")
    normalize = vec_normalize or model.get_vec_normalize_env()
    if normalize is not None and normalize.norm_obs:
        parts = [_normalization(torch, normalize, what), *parts]
    is_image = len(own_observations.shape or ()) == 3 and np.issubdtype(own_observations.dtype, np.integer)
    was_training = policy.training
    policy.eval()
    try:
        module = torch.nn.Sequential(*parts).to("cpu")
        return from_torch(
            module,
            path,
            observation_space=own_observations,
            action_space=own_actions,
            squashed=squashed,
            divisor=255.0 if is_image and policy.normalize_images else None,
            source=f"stable-baselines3 {importlib.import_module('stable_baselines3').__version__}, {type(model).__name__}",
        )
    finally:
        policy.to(model.device).train(was_training)


def _acting_parts(policy: Any, what: str) -> tuple[list[Any], bool]:
    """Returns the modules that compute scores, one behind the other, and whether outputs in [-1, 1] span the bounds of actions."""
    if hasattr(policy, "q_net"):  # DQN
        return [*_features(policy.q_net.features_extractor, what), policy.q_net.q_net], False
    actor = getattr(policy, "actor", None)
    if actor is not None and hasattr(actor, "latent_pi"):  # SAC
        if actor.use_sde:
            raise refusal(what, "its actor uses gSDE")
        torch = importlib.import_module("torch")
        return [*_features(actor.features_extractor, what), actor.latent_pi, actor.mu, torch.nn.Tanh()], True
    if actor is not None and not isinstance(actor.mu, type(None)):  # TD3, DDPG
        return [*_features(actor.features_extractor, what), actor.mu], True
    if hasattr(policy, "mlp_extractor"):  # PPO, A2C
        if policy.use_sde and policy.squash_output:
            raise refusal(what, "it squashes actions of gSDE")
        extractor = getattr(policy, "pi_features_extractor", policy.features_extractor)
        return [*_features(extractor, what), policy.mlp_extractor.policy_net, policy.action_net], False
    raise refusal(what, f"its policy is a {type(policy).__name__}, whose acting part is not known here; give that to from_torch")


def _features(extractor: Any, what: str) -> list[Any]:
    kind = type(extractor).__name__
    if kind == "FlattenExtractor":
        return [extractor.flatten]
    if kind == "NatureCNN":
        return [extractor.cnn, extractor.linear]
    raise refusal(what, f"its features come from a {kind}; FlattenExtractor and NatureCNN can be written")


def _normalization(torch: Any, normalize: Any, what: str) -> Any:
    """Returns a module that does what `VecNormalize` does to observations."""
    if not hasattr(normalize.obs_rms, "mean"):
        raise refusal(what, "its VecNormalize normalises a Dict of observations")
    mean, scale = normalize.obs_rms.mean, np.sqrt(normalize.obs_rms.var + normalize.epsilon)
    size = int(np.prod(mean.shape))
    layer = torch.nn.Linear(size, size)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(np.diag(1.0 / scale)))
        layer.bias.copy_(torch.as_tensor(-mean / scale))
    bound = float(normalize.clip_obs)
    return torch.nn.Sequential(layer, torch.nn.Hardtanh(-bound, bound))
