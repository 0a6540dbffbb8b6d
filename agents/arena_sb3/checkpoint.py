"""The state of a Stable-Baselines3 algorithm without pickle: tensors of networks and optimizers, and the generators that it draws from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from arena.formats.npz import read_arrays, write_arrays

Array = npt.NDArray[Any]

FILE_NAME = "tensors.npz"
"""Name of the file with all tensors."""
TEMPERATURE = "log_ent_coef"
"""Attribute of SAC with the logarithm of its temperature, which `get_parameters` leaves out."""


def save_tensors(directory: Path, model: BaseAlgorithm) -> None:
    """Writes networks, optimizers, SAC's temperature and PyTorch's generators."""
    arrays = {f"{name}/{key}": _array(tensor) for name, state in model.get_parameters().items() for key, tensor in _flat(state).items()}
    if getattr(model, TEMPERATURE, None) is not None:
        arrays[TEMPERATURE] = _array(getattr(model, TEMPERATURE))
    arrays["rng/cpu"] = _array(torch.get_rng_state())
    if model.device.type == "cuda":
        arrays["rng/cuda"] = _array(torch.cuda.get_rng_state(model.device))
    write_arrays(directory / FILE_NAME, arrays)


def restore_tensors(directory: Path, model: BaseAlgorithm) -> None:
    """Takes over what `save_tensors` wrote."""
    tensors = {name: torch.as_tensor(array) for name, array in read_arrays(directory / FILE_NAME).items()}
    parameters: dict[str, Any] = {}
    for name, state in model.get_parameters().items():
        own = {key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")}
        parameters[name] = {**state, "state": _slots(own)} if "param_groups" in state else own
    model.set_parameters(parameters)
    if TEMPERATURE in tensors:
        getattr(model, TEMPERATURE).data.copy_(tensors[TEMPERATURE])
    torch.set_rng_state(tensors["rng/cpu"])
    if "rng/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng/cuda"], model.device)


def generator_states(model: BaseAlgorithm) -> dict[str, Any]:
    """Returns the states of NumPy's global generator, which draws minibatches and explores, and of random actions, fit for JSON."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 -- SB3 draws from it
    assert isinstance(keys, np.ndarray)
    return {"numpy": [kind, keys.tolist(), *rest], "actions": model.action_space.np_random.bit_generator.state}


def restore_generators(model: BaseAlgorithm, states: Mapping[str, Any]) -> None:
    """Takes over what `generator_states` returned."""
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    model.action_space.np_random.bit_generator.state = states["actions"]


def _flat(state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tensors of a module's or an optimizer's state by name: `mu.weight`, or `0/exp_avg` for the slots of an optimizer."""
    if "param_groups" not in state:
        return dict(state)
    return {f"{index}/{slot}": value for index, slots in state["state"].items() for slot, value in slots.items()}


def _slots(tensors: Mapping[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, slot = name.split("/")
        slots.setdefault(int(index), {})[slot] = tensor
    return slots


def _array(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
