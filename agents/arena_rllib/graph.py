"""Records what a Learner computes for a minibatch as one graph of tensor operations, to be replayed without Python in between.

Networks this small spend most of an update on what surrounds the arithmetic: modules, dictionaries, autograd's bookkeeping. The graph
holds the very operations that RLlib's forward pass, loss and clipping and PyTorch's backward pass call, in their order.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

Tensors = tuple[torch.Tensor, ...]
NUM_WARM_UP_RUNS = 3
"""TorchScript's executor optimises a graph in its first two runs."""


class RecordedGraph:
    """A function of tensors, recorded once; calls replay what it did then.

    Parameters that the function reads besides its arguments (`torch.nn.Parameter`: weights, target weights) are held by reference:
    what happens to them in place is seen. All else that it reads is fixed, other tensors too. It must change nothing.

    Args:
        function: takes and returns tensors, and may differentiate. Branches on the values of tensors are refused by PyTorch.
        examples: arguments of the shapes and types to come. The length of an argument that is only indexed may differ later.
    """

    def __init__(self, function: Callable[..., Tensors], examples: Tensors) -> None:
        recorded = make_fx(function)(*examples)  # autograd becomes operations of its own
        with torch.no_grad(), warnings.catch_warnings():
            # TorchScript is deprecated in favour of compilers, which have to compile; and it names limits that do not matter here.
            warnings.simplefilter("ignore")
            self._run = torch.jit.trace(recorded, examples, check_trace=False)
        for _ in range(NUM_WARM_UP_RUNS):
            self(*examples)

    def __call__(self, *tensors: torch.Tensor) -> Any:
        """Returns what the function would."""
        with torch.no_grad():
            return self._run(*tensors)
