"""`python -m arena` is `arena`."""

from arena.cli.app import main

main()
