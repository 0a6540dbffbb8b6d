"""The bounds that a policy's process must keep to."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """Bounds of one policy's process; breaking one ends it."""

    memory_bytes: int = 2 * 1024**3
    """Max address space, where the system has such a limit. The libraries take 200 MB of it."""
    load_seconds: float = 60.0
    """Max seconds until a file is checked and ready to act."""
    call_seconds: float = 20.0
    """Max seconds for one call, whatever the number of observations in it."""
    is_file_checked: bool = True
    """Whether the static check of `arena.policies.file_check` comes first. The other bounds hold without it, as tests show."""

    @property
    def memory(self) -> str:
        """Bound of the memory, for messages."""
        return f"{self.memory_bytes / 1024**3:g} GiB"
