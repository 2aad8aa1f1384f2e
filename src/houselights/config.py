"""Where things are kept on this machine: the record, the cache, the weights in it, and the data for measuring.

| variable             | what it sets                                                     |
|----------------------|------------------------------------------------------------------|
| `HOUSELIGHTS_RECORD` | the record, in place of `~/.local/share/houselights/record`      |
| `HOUSELIGHTS_CONFIG` | the settings, in place of `houselights.toml` in this folder        |
| `HOUSELIGHTS_KEY`    | the record's key file, in place of `private/key` in the record   |
| `HOUSELIGHTS_CACHE`  | the cache, in place of the user's own (`~/.cache/houselights`)   |
| `HOUSELIGHTS_MODELS` | the folder of weights, in place of `models` in the cache         |
| `HOUSELIGHTS_DATA`   | a folder of data sets for measuring; there is none without it    |
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import platformdirs

from houselights.errors import SettingsError

RECORD = "HOUSELIGHTS_RECORD"
KEY = "HOUSELIGHTS_KEY"
CACHE = "HOUSELIGHTS_CACHE"
MODELS = "HOUSELIGHTS_MODELS"
DATA = "HOUSELIGHTS_DATA"


def record_dir() -> Path:
    """The folder of the record: the log, and what lies sealed beside it. It need not exist yet."""
    return _set(RECORD) or platformdirs.user_data_path("houselights", appauthor=False) / "record"


def key_file() -> Path:
    """The file with the record's key. It need not exist yet."""
    return _set(KEY) or record_dir() / "private" / "key"


def cache_dir() -> Path:
    """The folder for everything that can be fetched or made again. It need not exist yet."""
    return _set(CACHE) or platformdirs.user_cache_path("houselights", appauthor=False)


def models_dir() -> Path:
    """The folder that weights are cached in. It need not exist yet."""
    return _set(MODELS) or cache_dir() / "models"


def data_dir() -> Path | None:
    """The folder of data sets for measuring, or None where none is set.

    Raises SettingsError when the variable names something that is not a folder.
    """
    folder = _set(DATA)
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"{DATA} is '{folder}', which is not a folder", hint=f"correct {DATA}, or unset it")
    return folder


def operator() -> str:
    """The account that this program runs under, as the system knows it, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no name for the number, as in some containers
        return f"uid {os.getuid()}"


def private_dir(folder: Path) -> Path:
    """The folder itself, made where it is missing; every level that is made is open to its owner alone (0700).

    Raises SettingsError when it cannot be made.
    """
    try:
        _make(folder)
    except OSError as error:
        raise SettingsError(
            f"folder '{folder}' cannot be made ({error.strerror or error})",
            hint=f"set {CACHE}, {MODELS} or {RECORD} to a folder that you may write to",
        ) from error
    return folder


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _set(variable: str) -> Path | None:
    """The absolute path that a variable holds; an empty variable counts as unset."""
    value = os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None
