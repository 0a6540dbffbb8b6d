"""The second command of the README: sets up and runs the tests; every argument goes to pytest.

`--unit` runs the unit tier alone, in a small environment of its own (`.venv-core`): the loop while one writes code.
"""

import os
import subprocess
import sys

import setup_env

arguments = sys.argv[1:]
setup_env.enter(setup_env.CORE if "--unit" in arguments else setup_env.FULL)

if not any(argument.startswith(("-n", "--numprocesses")) for argument in arguments):
    arguments = ["-n", str(min(os.cpu_count() or 1, 4)), *arguments]
variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without byte code on disk each of some hundred processes compiles the project anew, a second of CPU time each."""
command = [sys.executable, "-m", "pytest", *arguments]
sys.exit(subprocess.run(command, cwd=setup_env.ROOT, env=variables, check=False).returncode)
