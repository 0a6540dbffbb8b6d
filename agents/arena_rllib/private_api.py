"""Attributes for which RLlib has no public name; no other module of this package reads any. Written for ray 2.60.

- `_params` of a `TorchLearner`: its parameters by reference. `Learner.get_parameters` returns the parameters of a module without the
  references that gradients are named by (ray/rllib/core/learner/torch/torch_learner.py).

`arena_rllib.startup` replaces private parts of PyTorch, for the version that it names.
"""

from collections.abc import Mapping
from typing import Any

import torch


def parameters_by_reference(learner: Any) -> Mapping[Any, torch.nn.Parameter]:
    """Returns the parameters of a `TorchLearner` by the references that name their gradients."""
    parameters: Mapping[Any, torch.nn.Parameter] = learner._params
    return parameters
