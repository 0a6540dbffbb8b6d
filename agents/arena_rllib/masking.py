"""RLlib's default modules with action masks: forbidden actions get `ILLEGAL_SCORE` for a logit or a value, in acting, losses and targets.

The idea is that of RLlib's example (ray 2.60, `rllib/examples/rl_modules/classes/action_masking_rlm.py`), which is for PPO alone and takes
`Dict` observations; here masks come behind the features, as `arena.environments.spaces.MaskedBox` has them, and DQN has them too.
"""

from typing import Any

import torch
from ray.rllib.algorithms.dqn.default_dqn_rl_module import QF_PREDS
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.columns import Columns

from arena.environments.spaces import ILLEGAL_SCORE, MaskedBox

Batch = dict[str, Any]


class _Masked:
    """Builds the network of the features of a `MaskedBox`, and splits batches."""

    def __init__(self, *args: Any, observation_space: MaskedBox, **kwargs: Any) -> None:
        self._num_features = observation_space.num_features
        super().__init__(*args, observation_space=observation_space.features, **kwargs)

    def _split(self, batch: Batch) -> tuple[Batch, torch.Tensor]:
        """Returns the batch with features for observations, and masks `bool [B, A]`."""
        observations = batch[Columns.OBS]
        features, masks = observations[:, : self._num_features], observations[:, self._num_features :] > 0.5
        return {**batch, Columns.OBS: features}, masks


class MaskedDQNModule(_Masked, DefaultDQNTorchRLModule):
    """Action values of online and target network; the learner's targets are then over allowed next actions."""

    def _qf_forward_helper(self, batch: Batch, encoder: Any, head: Any) -> Batch:
        batch, masks = self._split(batch)
        output: Batch = super()._qf_forward_helper(batch, encoder, head)
        return {**output, QF_PREDS: output[QF_PREDS].masked_fill(~masks, ILLEGAL_SCORE)}


class MaskedPPOModule(_Masked, DefaultPPOTorchRLModule):
    """Logits of the policy; the value function reads the features alone."""

    def _forward(self, batch: Batch, **kwargs: Any) -> Batch:
        batch, masks = self._split(batch)
        return _masked_logits(super()._forward(batch, **kwargs), masks)

    def _forward_train(self, batch: Batch, **kwargs: Any) -> Batch:
        batch, masks = self._split(batch)
        return _masked_logits(super()._forward_train(batch, **kwargs), masks)

    def compute_values(self, batch: Batch, embeddings: torch.Tensor | None = None) -> torch.Tensor:
        """Returns values `[B]`, of `embeddings` where `forward_train` has made them already."""
        return super().compute_values(self._split(batch)[0] if embeddings is None else batch, embeddings)


def _masked_logits(output: Batch, masks: torch.Tensor) -> Batch:
    return {**output, Columns.ACTION_DIST_INPUTS: output[Columns.ACTION_DIST_INPUTS].masked_fill(~masks, ILLEGAL_SCORE)}
