"""RLlib's SAC with critics of the size that is asked for, and with noise from outside.

RLlib's own catalog gives each critic one encoder for observations, one for actions and a third of fixed width on top: 165,000 weights,
whatever `fcnet_hiddens` says. Here a critic is the usual network of observation and action together. RLlib's module draws noise from
PyTorch's global generator; here it is part of the batch, so that every framework learns from the same.
"""

from typing import Any

import torch
from ray.rllib.algorithms.sac.sac_catalog import SACCatalog
from ray.rllib.algorithms.sac.sac_learner import QF_LOSS_KEY, QF_PREDS, QF_TWIN_LOSS_KEY, QF_TWIN_PREDS
from ray.rllib.algorithms.sac.torch.default_sac_torch_rl_module import DefaultSACTorchRLModule
from ray.rllib.algorithms.sac.torch.sac_torch_learner import SACTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchSquashedGaussian
from ray.rllib.core.models.configs import MLPEncoderConfig

from arena.agent.hyperparameters import LOG_STD_BOUNDS
from arena_rllib.private_api import losses_by_part, model_options

NOISE = "noise"
"""Column of a batch: standard normal numbers of the actions for the actor's loss, `[B, A]`."""
NEXT_NOISE = "next_noise"
"""Column of a batch: standard normal numbers of the next actions in the targets, `[B, A]`."""


class ConcatenatingEncoder(torch.nn.Module):
    """Hidden layers of a critic, on an observation followed by an action."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, batch: dict[str, torch.Tensor]) -> Any:
        """Returns what RLlib's encoder does for the two columns together."""
        return self.encoder({Columns.OBS: torch.cat([batch[Columns.OBS], batch[Columns.ACTIONS]], dim=-1)})


class Catalog(SACCatalog):
    """RLlib's catalog with critics that have `fcnet_hiddens` for hidden layers."""

    def build_qf_encoder(self, framework: str) -> torch.nn.Module:
        """Returns the hidden layers of one critic."""
        options = model_options(self)
        *hidden, last = options["fcnet_hiddens"]
        activation = options["fcnet_activation"]
        config = MLPEncoderConfig(
            input_dims=(self.observation_space.shape[0] + self.action_space.shape[0],),
            hidden_layer_dims=hidden,
            hidden_layer_activation=activation,
            output_layer_dim=last,
            output_layer_activation=activation,
        )
        return ConcatenatingEncoder(config.build(framework=framework))


class GivenNormal(torch.distributions.Normal):
    """Normal distribution whose samples are made of noise from outside.

    Args:
        loc: Means, `[B, A]`.
        scale: Standard deviations, `[B, A]`.
        noise: Standard normal numbers, `[B, A]`.
    """

    def __init__(self, loc: torch.Tensor, scale: torch.Tensor, noise: torch.Tensor) -> None:
        super().__init__(loc, scale, validate_args=False)
        self.noise = noise

    def rsample(self, sample_shape: Any = ()) -> torch.Tensor:
        """Returns samples `[B, A]` with their gradients; there is noise for one of each."""
        assert sample_shape == ()
        return self.loc + self.noise * self.scale

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        """Returns samples `[B, A]` without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape)


class SACModule(DefaultSACTorchRLModule):
    """RLlib's module, trained with the noise of the batch, and with the log standard deviations that all SAC agents share."""

    def _forward_train(self, batch: dict[str, torch.Tensor]) -> dict[str, Any]:
        self._noises = iter((batch[NOISE], batch[NEXT_NOISE]))  # in the order in which the forward pass makes distributions
        return super()._forward_train(batch)

    def get_train_action_dist_cls(self) -> type[TorchSquashedGaussian]:
        """Returns RLlib's squashed Gaussian with the noise of the batch."""
        noises = self._noises

        class GivenSquashedGaussian(TorchSquashedGaussian):
            def _get_torch_distribution(self, loc: torch.Tensor, scale: torch.Tensor) -> torch.distributions.Distribution:
                return GivenNormal(loc, scale, next(noises))

            @classmethod
            def from_logits(cls, logits: torch.Tensor) -> "GivenSquashedGaussian":
                loc, log_std = logits.chunk(2, dim=-1)
                return cls(loc=loc, scale=log_std.clamp(*LOG_STD_BOUNDS).exp())

        return GivenSquashedGaussian


class SquaredSACLearner(SACTorchLearner):
    """RLlib's learner with the squared errors of the paper in place of its Huber loss; the critics' gradients are all that differs."""

    def compute_loss_for_module(self, *, module_id: str, config: Any, batch: dict[str, torch.Tensor], fwd_out: dict[str, Any]) -> Any:
        """Returns the sum of the losses of actor, critics and temperature."""
        super().compute_loss_for_module(module_id=module_id, config=config, batch=batch, fwd_out=fwd_out)
        losses = losses_by_part(self)
        alpha = torch.exp(self.curr_log_alpha[module_id]).detach()
        following = fwd_out["q_target_next"] - alpha * fwd_out["logp_next_resampled"]
        targets = batch[Columns.REWARDS] + config.gamma ** batch["n_step"] * ~batch[Columns.TERMINATEDS] * following  # [B]
        for key, predictions in ((QF_LOSS_KEY, fwd_out[QF_PREDS]), (QF_TWIN_LOSS_KEY, fwd_out[QF_TWIN_PREDS])):
            losses[module_id, key] = torch.mean(batch["weights"] * (predictions - targets) ** 2)
            self.metrics.log_value((module_id, key), losses[module_id, key])
        return sum(losses.values())
