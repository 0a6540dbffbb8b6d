"""Policies: one ONNX file each, no framework. The public names are what a third party needs to write, check and play a policy file.

=================================================  ==========================================================
Who plays a policy file?                           `policy.py`: `OnnxPolicy`
Who plays a stranger's file, with bounds?          `bounded/`: `BoundedPolicy`
How is a policy judged?                            `evaluation.py`: `evaluate`
What is refused in a policy file?                  `file_check.py`: `check_policy_bytes`
Where is a stranger's file tried safely?           `quarantine.py`: `check_policy_file`
Where is ONNX written?                             `onnx_network.py`: `PolicyNetwork`
How does a model from elsewhere become a policy?   `conversion/`: `from_torch`, `from_keras`, `from_sb3`, …
What does a file say of itself?                    `metadata.py`: `read_metadata`
=================================================  ==========================================================

Each name is imported at its first use, so that `import arena.policies` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.policies.bounded.bounded_policy import BoundedPolicy as BoundedPolicy
    from arena.policies.bounded.bounds import Bounds as Bounds
    from arena.policies.conversion.jax_functions import from_jax as from_jax
    from arena.policies.conversion.keras_models import from_keras as from_keras
    from arena.policies.conversion.onnx_files import from_onnx as from_onnx
    from arena.policies.conversion.sb3_models import from_sb3 as from_sb3
    from arena.policies.conversion.tensorflow_functions import from_tf_function as from_tf_function
    from arena.policies.conversion.torch_models import from_torch as from_torch
    from arena.policies.evaluation import Evaluation as Evaluation
    from arena.policies.evaluation import evaluate as evaluate
    from arena.policies.file_check import check_policy_bytes as check_policy_bytes
    from arena.policies.onnx_network import Conv as Conv
    from arena.policies.onnx_network import Dense as Dense
    from arena.policies.onnx_network import LayerNorm as LayerNorm
    from arena.policies.onnx_network import PolicyNetwork as PolicyNetwork
    from arena.policies.onnx_network import initial_weights as initial_weights
    from arena.policies.policy import OnnxPolicy as OnnxPolicy
    from arena.policies.policy import Policy as Policy
    from arena.policies.policy import PolicySignature as PolicySignature
    from arena.policies.policy import UniformPolicy as UniformPolicy
    from arena.policies.quarantine import Trial as Trial
    from arena.policies.quarantine import check_policy_file as check_policy_file

_HOMES = {
    "arena.policies.bounded.bounded_policy": ("BoundedPolicy",),
    "arena.policies.bounded.bounds": ("Bounds",),
    "arena.policies.conversion.jax_functions": ("from_jax",),
    "arena.policies.conversion.keras_models": ("from_keras",),
    "arena.policies.conversion.onnx_files": ("from_onnx",),
    "arena.policies.conversion.sb3_models": ("from_sb3",),
    "arena.policies.conversion.tensorflow_functions": ("from_tf_function",),
    "arena.policies.conversion.torch_models": ("from_torch",),
    "arena.policies.evaluation": ("Evaluation", "evaluate"),
    "arena.policies.file_check": ("check_policy_bytes",),
    "arena.policies.policy": ("OnnxPolicy", "Policy", "PolicySignature", "UniformPolicy"),
    "arena.policies.onnx_network": ("Conv", "Dense", "LayerNorm", "PolicyNetwork", "initial_weights"),
    "arena.policies.quarantine": ("Trial", "check_policy_file"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'arena.policies' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
