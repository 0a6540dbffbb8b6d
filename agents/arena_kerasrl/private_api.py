"""Attributes for which tf_keras has no public name; no other module of this package reads any. Written for tf-keras 2.20.

- `_make_predict_function`, `_make_train_function` of a compiled model in graph mode: tf_keras makes these functions at the first call of
  `predict` and `train_on_batch`, which do more than the function (tf_keras/src/engine/training_v1.py).
- `_callable_fn` of a `tf_keras.backend.function`: the call of the session that the function has prepared. Without it each call looks up
  again which prepared call it has to make, a third of an update (`GraphExecutionFunction._make_callable`, tf_keras/src/backend.py).
"""

from collections.abc import Callable
from typing import Any


def make_predict_function(model: Any) -> Callable[[list[Any]], list[Any]]:
    """Returns the function of a compiled model's inputs that `predict` calls."""
    model._make_predict_function()
    function: Callable[[list[Any]], list[Any]] = model.predict_function
    return function


def make_train_function(model: Any) -> Callable[[list[Any]], list[Any]]:
    """Returns the function of inputs and targets that `train_on_batch` calls; makes the optimizer's variables."""
    model._make_train_function()
    function: Callable[[list[Any]], list[Any]] = model.train_function
    return function


def prepared_call(function: Any) -> Callable[..., list[Any]] | None:
    """Returns the session's call that a backend function has prepared; None before the function's first call."""
    call: Callable[..., list[Any]] | None = function._callable_fn
    return call
