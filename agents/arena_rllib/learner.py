"""Drives RLlib's own RLModule and Learner in this process: no `Algorithm`, no `ray.init`, no episodes and connectors.

Network, loss, gradient clipping and optimizer are those that RLlib builds from its `AlgorithmConfig`; one update is the five
public calls of `ray.rllib.core.learner.Learner` that its own `update` makes per minibatch. `FastLearner` makes two of them
leaner without changing their result beyond rounding, and `LocalLearner.record` records all but the optimizer's step as one graph.
"""

import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.learner.torch.torch_learner import TorchLearner
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch.optim.adam import adam
from torch.optim.swa_utils import get_ema_multi_avg_fn

from arena.environments.images import largest_values
from arena.environments.spaces import ImageAndNumbers, MaskedBox, network_shape
from arena.machine.devices import take_torch, to_torch
from arena_rllib.graph import RecordedGraph
from arena_rllib.private_api import parameters_by_reference
from arena_rllib.startup import spare_dynamo

Array = npt.NDArray[Any]
Batch = dict[str, torch.Tensor]


class FastLearner:
    """Mixin: clips by one fused norm, and steps without looking at each parameter's gradient twice.

    RLlib's `apply_gradients` replaces gradients that are not finite by zero, with a log message. Here they spoil the weights at
    once, so that the next loss shows it and training stops.
    """

    def postprocess_gradients_for_module(self, *, module_id: str, config: Any, module_gradients_dict: dict[Any, torch.Tensor]) -> Any:
        """Scales the gradients of every part down to the global norm `config.grad_clip`, if there is one.

        A part is what one optimizer steps, as for `ray.rllib.utils.torch_utils.clip_gradients`; but SAC's two critics are one part.
        """
        if not config.grad_clip:
            return module_gradients_dict
        parts: dict[str, dict[Any, torch.Tensor]] = {}
        for name, optimizer in self.get_optimizers_for_module(module_id):  # type: ignore[attr-defined]
            gradients = self.filter_param_dict_for_optimizer(module_gradients_dict, optimizer)  # type: ignore[attr-defined]
            parts.setdefault(name.removesuffix("_twin"), {}).update(gradients)
        clipped = {}
        for name, gradients in parts.items():
            norm = torch.nn.utils.get_total_norm(list(gradients.values()), foreach=True)
            scale = (config.grad_clip / torch.clamp(norm + 1e-6, min=config.grad_clip)).clamp(max=1.0)
            clipped |= {reference: gradient * scale for reference, gradient in gradients.items()}
            self.metrics.log_value((module_id, "gradient_norm" if len(parts) == 1 else f"{name}_gradient_norm"), norm)  # type: ignore[attr-defined]
        return clipped

    def apply_gradients(self, gradients_dict: dict[Any, torch.Tensor]) -> None:
        """Steps every optimizer."""
        parameters = parameters_by_reference(self)
        for reference, gradient in gradients_dict.items():
            parameters[reference].grad = gradient
        for _, optimizer in self.get_optimizers_for_module(DEFAULT_MODULE_ID):  # type: ignore[attr-defined]
            optimizer.step()


class LastValues:
    """Takes the place of a Learner's `MetricsLogger`, which costs more than the update: keeps the last value of every key."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}

    def log_value(self, key: str | tuple[str, ...], value: Any, **_: Any) -> None:
        """Keeps `value`."""
        self.values[key if isinstance(key, tuple) else (key,)] = value

    def log_dict(self, values: Mapping[str, Any], *, key: str, **_: Any) -> None:
        """Keeps every one of `values` under `(key, name)`."""
        for name, value in values.items():
            self.values[key, name] = value

    def peek(self, key: tuple[str, ...]) -> Any:
        """Returns the last value."""
        return self.values[key]

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self.values


class LocalLearner:
    """One RLlib Learner with one module and its Adams, advanced a minibatch at a time.

    Args:
        algorithm_config: names the algorithm, network and loss.
        observation_space: Space as the arena makes it; integers arrive at the module as floats in [0, 1].
        action_space: Space of one environment.
        adam_epsilon: set in every optimizer; RLlib's new API stack has its own fixed ones.
        seed: Seed of the initial weights; nothing else here is random.
        device: `"cpu"`, `"cuda"` or `"cuda:<index>"`.
        fast: use `FastLearner` and fused Adam; without them every update is equal to RLlib's to the last bit.

    Raises:
        DeviceUnavailable: if PyTorch sees no such GPU.
    """

    def __init__(
        self,
        algorithm_config: AlgorithmConfig,
        observation_space: gym.spaces.Box,
        action_space: gym.Space[Any],
        *,
        adam_epsilon: float,
        seed: int,
        device: str,
        fast: bool = True,
    ) -> None:
        torch.set_num_threads(int(os.environ.get("ARENA_NUM_THREADS", "1")))
        torch.manual_seed(seed)
        if len(network_shape(observation_space)) == 3:  # of flat ones the update is recorded, and make_fx cannot do without
            spare_dynamo()
        config = algorithm_config.learners(num_learners=0, **_device_options(torch.device(device)))
        if fast:
            stock = config.learner_class
            config = config.learners(learner_class=type(f"Fast{stock.__name__}", (FastLearner, stock), {}))
        largest = largest_values(observation_space)
        self._scale: Any = None if largest is None else 1.0 / largest
        if isinstance(self._scale, np.ndarray):
            self._scale = torch.as_tensor(self._scale, device=device)
        space = _without_bounds(observation_space)
        self.learner: TorchLearner = config.build_learner(spaces={DEFAULT_MODULE_ID: (space, action_space)})
        self.learner.metrics = LastValues()
        self.module: TorchRLModule = self.learner.module[DEFAULT_MODULE_ID]
        self.optimizers = [optimizer for _, optimizer in self.learner.get_optimizers_for_module(DEFAULT_MODULE_ID)]
        for optimizer in self.optimizers:
            optimizer.param_groups[0].update({"eps": adam_epsilon} | ({"fused": True, "foreach": False} if fast else {}))
        _freeze_mode(self.module)
        coefficients = getattr(self.learner, "curr_kl_coeffs_per_module", None)
        if coefficients is not None:  # it changes in place, which a recorded graph sees of parameters only
            coefficients[DEFAULT_MODULE_ID] = torch.nn.Parameter(coefficients[DEFAULT_MODULE_ID], requires_grad=False)
        self._recorded: _Recorded | None = None

    def observations(self, observations: Array) -> torch.Tensor:
        """Returns observations `[N, *obs]` as the module takes them: `float32` on its device."""
        tensor = to_torch(torch, observations, self.learner.device)
        return tensor.float() if self._scale is None else tensor.float() * self._scale

    def tensor(self, array: Array) -> torch.Tensor:
        """Returns `array` on the module's device."""
        return to_torch(torch, array, self.learner.device)

    def record(self, batch: Batch) -> None:
        """Records what `update` computes for minibatches with these columns, shapes and types; it changes nothing else.

        Coefficients of the loss are fixed by this, except PPO's of the KL divergence. The learning rate is not.
        Convolutions cannot be recorded: TorchScript knows their gradient, but not how to trace it.
        """
        learner, logged = self.learner, self.learner.metrics.values
        references: list[Any] = []
        keys: list[tuple[str, ...]] = []

        def compute(*columns: torch.Tensor) -> tuple[torch.Tensor, ...]:
            batches = {DEFAULT_MODULE_ID: dict(zip(batch, columns, strict=True))}
            losses = learner.compute_losses(fwd_out=learner.module.forward_train(batches), batch=batches)
            parameters = {name: parameter for name, parameter in parameters_by_reference(learner).items() if parameter.requires_grad}
            found = torch.autograd.grad(losses[DEFAULT_MODULE_ID], list(parameters.values()), allow_unused=True)
            gradients = {reference: gradient for reference, gradient in zip(parameters, found, strict=True) if gradient is not None}
            gradients = learner.postprocess_gradients(gradients)
            learner.metrics.log_value((DEFAULT_MODULE_ID, learner.TOTAL_LOSS_KEY), losses[DEFAULT_MODULE_ID])
            tensors = {key: value.detach() for key, value in logged.items() if isinstance(value, torch.Tensor)}
            references[:], keys[:] = gradients, tensors
            return *gradients.values(), *tensors.values()

        graph = RecordedGraph(compute, tuple(batch.values()))
        logged.update(dict.fromkeys(keys))  # what was recorded stands for no value
        parameters = parameters_by_reference(learner)
        recorded = [parameters[reference] for reference in references]
        self._recorded = _Recorded(graph, _layout(batch), recorded, keys, self._by_learning_rate(recorded))

    def _by_learning_rate(self, parameters: list[torch.nn.Parameter]) -> list[tuple[torch.optim.Optimizer, list[int]]]:
        """Returns the indices of the parameters that share a learning rate, each time with an optimizer that has it."""
        optimizers = {id(parameter): optimizer for optimizer in self.optimizers for parameter in optimizer.param_groups[0]["params"]}
        found: dict[float, tuple[torch.optim.Optimizer, list[int]]] = {}
        for index, parameter in enumerate(parameters):
            optimizer = optimizers[id(parameter)]
            found.setdefault(optimizer.param_groups[0]["lr"], (optimizer, []))[1].append(index)
        return list(found.values())

    def update(self, batch: Batch) -> None:
        """Makes one optimizer step on a minibatch whose columns have RLlib's names, as `Learner.update` would."""
        recorded = self._recorded
        if recorded is not None and _layout(batch) == recorded.layout:
            outputs = recorded.graph(*batch.values())
            count = len(recorded.parameters)
            self._step(recorded, list(outputs[:count]))
            self.learner.metrics.values.update(zip(recorded.keys, outputs[count:], strict=True))
            return
        learner, batches = self.learner, {DEFAULT_MODULE_ID: batch}
        losses = learner.compute_losses(fwd_out=learner.module.forward_train(batches), batch=batches)
        learner.apply_gradients(learner.postprocess_gradients(learner.compute_gradients(losses)))
        learner.metrics.log_value((DEFAULT_MODULE_ID, learner.TOTAL_LOSS_KEY), losses[DEFAULT_MODULE_ID])

    def _step(self, recorded: "_Recorded", gradients: list[torch.Tensor]) -> None:
        # The optimizer's own function on its own slots, without what `Optimizer.step` looks up each time: a fifth of an update.
        # One call steps all parameters that have one learning rate; the optimizers' other settings are the same.
        slots: dict[torch.nn.Parameter, Any] = {}
        for optimizer in self.optimizers:
            slots |= optimizer.state
        if len(slots) < len(recorded.parameters):
            for parameter, gradient in zip(recorded.parameters, gradients, strict=True):
                parameter.grad = gradient
            for optimizer in self.optimizers:
                optimizer.step()
            return
        for optimizer, indices in recorded.by_learning_rate:
            group = optimizer.param_groups[0]
            parameters = [recorded.parameters[index] for index in indices]
            with torch.no_grad():
                adam(
                    parameters,  # type: ignore[arg-type]
                    [gradients[index] for index in indices],
                    [slots[parameter]["exp_avg"] for parameter in parameters],
                    [slots[parameter]["exp_avg_sq"] for parameter in parameters],
                    [],
                    [slots[parameter]["step"] for parameter in parameters],
                    fused=True,
                    amsgrad=False,
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    lr=group["lr"],
                    weight_decay=0.0,
                    eps=group["eps"],
                    maximize=False,
                )

    def move_targets(self, tau: float) -> None:
        """Moves all target networks towards their main networks by the share `tau`, as `update_target_network` does, in one fused call."""
        mains, targets = self._target_pairs
        get_ema_multi_avg_fn(1.0 - tau)(targets, mains, 0)

    @functools.cached_property
    def _target_pairs(self) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
        mains, targets = zip(*self.module.get_target_network_pairs(), strict=True)
        return [weight for main in mains for weight in main.parameters()], [weight for target in targets for weight in target.parameters()]

    def end_iteration(self, env_steps: int) -> None:
        """Calls what RLlib calls after all minibatches of an iteration: schedules and PPO's KL coefficient."""
        self.learner.after_gradient_based_update(timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: env_steps})

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the learning rate of every optimizer."""
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = learning_rate

    def metric(self, name: str) -> torch.Tensor:
        """Returns the last value that the Learner logged under `name`."""
        value = self.learner.metrics.peek((DEFAULT_MODULE_ID, name))
        return value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(value)

    def metrics(self, names: tuple[str, ...]) -> dict[str, float]:
        """Returns the last values of `names` as numbers, moved from the device at once: each move waits for all that it computes."""
        values = [self.metric(name).to(self.learner.device, torch.float32) for name in names]
        return dict(zip(names, torch.stack(values).tolist(), strict=True))

    def state(self) -> dict[str, Array]:
        """Returns weights (target networks included), the temperature where there is one, and optimizer slots as arrays by name."""
        arrays = {f"module/{name}": tensor for name, tensor in self.module.state_dict().items()}
        arrays |= self._temperature()
        for optimizer in self.optimizers:
            for name, parameter in self._optimized(optimizer):
                slots = optimizer.state.get(parameter, {})  # reading it by [] would make empty ones, which look like a step taken
                arrays |= {f"optimizer/{name}/{slot}": tensor for slot, tensor in slots.items()}
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in arrays.items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `state` returned."""
        # Not Learner.set_state: it keeps its own weights where the state's sequence number is not larger (Learner.set_state, ray 2.60).
        weights = {name: self.tensor(arrays[f"module/{name}"]) for name in self.module.state_dict()}
        self.module.load_state_dict(weights)
        for name, parameter in self._temperature().items():
            parameter.data.copy_(self.tensor(arrays[name]))
        for optimizer in self.optimizers:
            optimizer.state.clear()
            for name, parameter in self._optimized(optimizer):
                prefix = f"optimizer/{name}/"
                slots = {key.removeprefix(prefix): self.tensor(array) for key, array in arrays.items() if key.startswith(prefix)}
                if slots:
                    optimizer.state[parameter] = slots

    def _temperature(self) -> dict[str, torch.nn.Parameter]:
        """Returns SAC's temperature, which is no part of the module."""
        temperatures = getattr(self.learner, "curr_log_alpha", None)
        return {} if temperatures is None else {"log_alpha": temperatures[DEFAULT_MODULE_ID]}

    def _optimized(self, optimizer: torch.optim.Optimizer) -> list[tuple[str, torch.nn.Parameter]]:
        optimized = {id(parameter) for parameter in optimizer.param_groups[0]["params"]}
        named = dict(self.module.named_parameters()) | self._temperature()
        return [(name, parameter) for name, parameter in named.items() if id(parameter) in optimized]


class _Recorded(NamedTuple):
    graph: RecordedGraph
    """Columns -> gradients of `parameters`, then what the learner logs under `keys`."""
    layout: list[tuple[str, torch.Size, torch.dtype]]
    parameters: list[torch.nn.Parameter]
    keys: list[tuple[str, ...]]
    by_learning_rate: list[tuple[torch.optim.Optimizer, list[int]]]
    """For each learning rate, an optimizer that has it and the indices of its `parameters`."""


def _layout(batch: Batch) -> list[tuple[str, torch.Size, torch.dtype]]:
    return [(name, column.shape, column.dtype) for name, column in batch.items()]


def _without_bounds(space: gym.spaces.Box) -> gym.spaces.Box:
    """Returns the space of the floats that arrive at the module, of the same kind."""
    free = gym.spaces.Box(-np.inf, np.inf, space.shape, np.float32)
    if isinstance(space, MaskedBox):
        features = free.low[: space.num_features]
        return MaskedBox(features, -features, space.num_actions, space.choices)
    if isinstance(space, ImageAndNumbers):
        numbers = free.low[space.num_pixels :]
        return ImageAndNumbers(gym.spaces.Box(-np.inf, np.inf, space.image_shape, np.float32), numbers, -numbers)
    return free


def _device_options(device: torch.device) -> dict[str, int]:
    take_torch(torch.cuda, str(device), "RLlib")
    if device.type == "cpu":
        return {"num_gpus_per_learner": 0}
    return {"num_gpus_per_learner": 1, "local_gpu_idx": device.index or 0}


def _freeze_mode(module: TorchRLModule) -> None:
    # RLModule.forward_* set the module's mode each time, which visits every submodule: 8 % of a PPO update. None of the modules
    # built here has a layer that behaves differently by mode (no dropout, no batch norm).
    module.train = module.eval = lambda *_: module  # type: ignore[method-assign, assignment]
