"""The second command of the README: sets up and runs the tests; arguments go to pytest (`-m 'not framework'`: seconds only)."""

import subprocess
import sys

import setup_env

setup_env.enter()

sys.exit(subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], cwd=setup_env.ROOT, check=False).returncode)
