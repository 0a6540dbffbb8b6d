"""RLlib agents (ray 2.60, PyTorch). This module and `specs` import no framework."""

import logging

# RLLIB_TEST_NO_TF_IMPORT=1 makes RLlib log about 80 times that it did not import TensorFlow (ray/rllib/utils/framework.py).
logging.getLogger("ray.rllib.utils.framework").setLevel(logging.ERROR)
# RLModule.__init__ itself makes the deprecated RLModuleConfig that it warns of (ray/rllib/core/rl_module/rl_module.py).
logging.getLogger("ray._common.deprecation").addFilter(lambda record: "RLModuleConfig object" not in record.getMessage())
