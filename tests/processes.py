"""What tests ask of processes that may end at any moment."""

import psutil


def command_of(process: psutil.Process) -> list[str]:
    """Returns the command line of a process; that of one that has ended, or that nobody has waited for yet, is empty."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
