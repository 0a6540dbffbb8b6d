"""Spares a worker on images PyTorch's compiler, which PyTorch imports for the first optimizer although nothing is compiled.

`torch.optim.Optimizer` marks methods as not for `torch._dynamo` to trace, and `Adam.step` as a break between traced graphs; the marks
import `torch._dynamo`, and SymPy and Triton with it, when they are first called (torch 2.10: torch/_compile.py, torch/optim/optimizer.py).
Outside of `torch.compile` both come down to calling the method, `step` without gradients.
"""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

VERSION = "2.10."
"""Version of PyTorch whose private names are used here; any other version is left as it is."""
OPT_OUT = "ARENA_KEEP_DYNAMO"
"""Environment variable that leaves PyTorch as it is when set to `1`."""
MARKED = frozenset({"add_param_group", "load_state_dict", "state_dict", "zero_grad"})
"""Methods of `Optimizer` that are marked not to be traced."""


def spare_dynamo() -> bool:
    """Lets optimizers be made and stepped without `torch._dynamo`; call before the first one is made.

    Returns:
        Whether it was done: not where `torch._dynamo` is there already, for another version of PyTorch, or on request.
    """
    optimizer, adam = torch.optim.Optimizer, torch.optim.Adam
    marked = {name: method for name, method in vars(optimizer).items() if _wrapper(method) == ("torch._compile", "inner")}
    known = set(marked) == MARKED and _wrapper(vars(adam)["step"]) == ("torch.optim.optimizer", "_use_grad")
    if os.environ.get(OPT_OUT) == "1" or "torch._dynamo" in sys.modules or not torch.__version__.startswith(VERSION) or not known:
        return False
    for method in marked.values():
        setattr(method.__wrapped__, "__dynamo_disable", method.__wrapped__)  # what the mark calls, and would else import and make
    adam.step = _without_gradients(vars(adam)["step"].__wrapped__)  # type: ignore[method-assign]
    return True


def _wrapper(method: Any) -> tuple[str, str] | None:
    """Returns module and name of the function that wraps a method; None where there is none."""
    if not hasattr(method, "__wrapped__") or not hasattr(method, "__code__"):
        return None
    return str(method.__globals__["__name__"]), str(method.__code__.co_name)


def _without_gradients(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def wrapped(self: torch.optim.Optimizer, *arguments: Any, **options: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *arguments, **options)

    return wrapped
