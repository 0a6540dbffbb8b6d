"""The file `tune.db`, in which Optuna keeps the trials of a search."""

from pathlib import Path

import optuna
import sqlalchemy.exc

from arena.errors import ArenaError
from arena.formats.folders import Folder

FILE_NAME = "tune.db"
"""Name of the file in an experiment's folder."""
WRITE_SECONDS = 60.0
"""Seconds to wait while another process writes."""
_SIDECARS = ("-journal", "-wal", "-shm")
"""Ends of the names of the files that SQLite makes beside a database."""


def open_storage(folder: Path) -> optuna.storages.RDBStorage:
    """Returns the storage in an experiment's folder, which is made if it is missing.

    Raises:
        ArenaError: if `tune.db`, or a file that SQLite has beside it, is a link, has a second name or is no regular file, or if it does not
            hold searches that this version of Optuna reads.
    """
    inside = Folder(folder)
    for name in (FILE_NAME, *(f"{FILE_NAME}{end}" for end in _SIDECARS)):
        if inside.kind(name) is not None:  # SQLite opens it by itself, and would follow links
            inside.open(name, "ab").close()
    path = folder / FILE_NAME
    try:
        return optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": WRITE_SECONDS}})
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise ArenaError(f"{path} holds no search that Optuna {optuna.__version__} reads ({reason}); delete it to begin anew") from error
