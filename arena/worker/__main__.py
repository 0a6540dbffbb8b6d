"""Entry point of `python -m arena.worker RUN_FOLDER NAME...`."""

import sys

from arena.worker.exit import leave
from arena.worker.worker import main

if __name__ == "__main__":
    leave(main(sys.argv[1], sys.argv[2:]))
