"""One run, one process, one framework: python -m arena.worker RUN_FOLDER."""
