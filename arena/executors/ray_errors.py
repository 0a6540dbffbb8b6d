"""What Ray says of an error, in one line."""


def short(error: BaseException) -> str:
    """Returns the line of an error that says most: the last of a traceback from a node, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1 if type(error).__name__.startswith("RayTaskError") else 0][:300]
