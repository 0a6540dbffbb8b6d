"""The second command of the README: sets up and runs the tests; every argument goes to pytest.

`--unit` runs the unit tier alone, in a small environment of its own (`.venv-core`): the loop while one writes code. Its tests take
milliseconds, so each process collects and runs its own part of the files; long tests go to whichever process is free (pytest-xdist).
`--beyond-unit` runs the others, but for the slow ones (`tests/conftest.py`).
"""

import os
import subprocess
import sys

import setup_env
import side_by_side

arguments = sys.argv[1:]
setup_env.enter(setup_env.CORE if "--unit" in arguments else setup_env.FULL)

variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without byte code on disk each of some hundred processes compiles the project anew, a second of CPU time each."""
command = [sys.executable, "-m", "pytest"]
num_processes = min(os.cpu_count() or 1, 4)
if "--unit" in arguments and num_processes > 1 and side_by_side.can_be_split(arguments):
    sys.exit(side_by_side.run(command, arguments, num_processes, folder=setup_env.ROOT, variables=variables))
if not any(argument.startswith(("-n", "--numprocesses")) for argument in arguments):
    # One more than there are cores: the tests of processes wait a sixth of their time.
    arguments = ["-n", "0" if "--unit" in arguments else str(min(num_processes + 1, 4)), *arguments]
sys.exit(subprocess.run([*command, *arguments], cwd=setup_env.ROOT, env=variables, check=False).returncode)
