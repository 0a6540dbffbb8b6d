"""Attributes for which RLlib has no public name; no other module of this package reads any. Written for ray 2.60.

- `_params` of a `TorchLearner`: its parameters by reference. `Learner.get_parameters` returns the parameters of a module without the
  references that gradients are named by (ray/rllib/core/learner/torch/torch_learner.py).
- `_model_config_dict` of a `Catalog`: what `DefaultModelConfig` says of the network; RLlib's own catalogs read it
  (ray/rllib/core/models/catalog.py).
- `_temp_losses` of a `SACTorchLearner`: the loss of every part by its optimizer's name, from which its `compute_gradients` takes them
  (ray/rllib/algorithms/sac/torch/sac_torch_learner.py). Another loss of the critics has to be put there.

`arena_rllib.startup` replaces private parts of PyTorch, for the version that it names.
"""

from collections.abc import Mapping
from typing import Any

import torch


def parameters_by_reference(learner: Any) -> Mapping[Any, torch.nn.Parameter]:
    """Returns the parameters of a `TorchLearner` by the references that name their gradients."""
    parameters: Mapping[Any, torch.nn.Parameter] = learner._params
    return parameters


def losses_by_part(learner: Any) -> dict[tuple[str, str], torch.Tensor]:
    """Returns what a `SACTorchLearner` minimises, by module and name; changes to it count."""
    losses: dict[tuple[str, str], torch.Tensor] = learner._temp_losses
    return losses


def model_options(catalog: Any) -> Mapping[str, Any]:
    """Returns the options of `DefaultModelConfig` that a `Catalog` was made with."""
    options: Mapping[str, Any] = catalog._model_config_dict
    return options
