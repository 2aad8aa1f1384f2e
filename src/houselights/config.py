"""Where things are kept on this machine: the record, the cache, the weights in it, and the data for measuring.

| variable             | what it sets                                                     |
|----------------------|------------------------------------------------------------------|
| `HOUSELIGHTS_RECORD` | the record, in place of `~/.local/share/houselights/record`      |
| `HOUSELIGHTS_CONFIG` | the settings, in place of `houselights.toml` in this folder        |
| `HOUSELIGHTS_KEY`    | the record's key file, in place of `private/key` in the record;  |
|                      | `keyring:NAME` for that entry of the system's keyring            |
| `HOUSELIGHTS_CACHE`  | the cache, in place of the user's own (`~/.cache/houselights`)   |
| `HOUSELIGHTS_MODELS` | the folder of weights, in place of `models` in the cache         |
| `HOUSELIGHTS_DATA`   | a folder of data sets for measuring; there is none without it    |

`HOUSELIGHTS_RUNTIME` and `HOUSELIGHTS_PRECISION` are read where models are run: `runtime.py`.
"""

from __future__ import annotations

import importlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from houselights.errors import RecordError, SettingsError

RECORD = "HOUSELIGHTS_RECORD"
KEY = "HOUSELIGHTS_KEY"
CACHE = "HOUSELIGHTS_CACHE"
MODELS = "HOUSELIGHTS_MODELS"
DATA = "HOUSELIGHTS_DATA"
IN_KEYRING = "keyring:"
SERVICE = "houselights"  # what our entries in a keyring stand under
_BREAKS = (ImportError, AttributeError, ValueError, RuntimeError)  # a keyring that is set up wrongly


@dataclass(frozen=True, slots=True)
class Keyring:
    """An entry of the system's keyring, for a record's key. It need not exist yet."""

    name: str

    def __str__(self) -> str:
        return f"{IN_KEYRING}{self.name}"

    def read(self) -> bytes | None:
        """The key, or None where the keyring has none.

        Raises:
            RecordError: there is no keyring, it is locked, or the entry is no key.
        """
        keyring = self._package()
        try:
            kept = keyring.get_password(SERVICE, self.name)
        except (keyring.errors.KeyringError, *_BREAKS) as fault:
            raise self._refused("read", fault) from fault
        try:
            return None if kept is None else bytes.fromhex(kept)
        except ValueError:  # which may quote the secret
            msg = f"the keyring's entry '{self}' is no key: expected hexadecimal digits"
        raise RecordError(msg, hint=f"put the key back, or name another entry in {KEY}")

    def keep(self, secret: bytes) -> None:
        """Put a key into the keyring, as hexadecimal digits.

        Raises:
            RecordError: there is no keyring, or it does not keep the key.
        """
        keyring = self._package()
        try:
            keyring.set_password(SERVICE, self.name, secret.hex())
        except (keyring.errors.KeyringError, *_BREAKS) as fault:
            raise self._refused("kept", fault) from fault
        if self.read() != secret:
            raise self._refused("kept", f"{keyring.get_keyring().name} gives back another or none")

    def _package(self) -> Any:  # noqa: ANN401 - there is nothing to type it by where it is not installed
        try:
            return importlib.import_module("keyring")
        except ImportError as fault:
            msg = f"the record's key '{self}' needs the package keyring, which does not load: {fault}"
            raise RecordError(msg, hint="pip install 'houselights[keyring]'") from fault

    def _refused(self, done: str, why: object) -> RecordError:
        msg = f"the record's key '{self}' cannot be {done}: {str(why) or type(why).__name__}"
        return RecordError(msg, hint=f"unlock the system's keyring, or name a file in {KEY}")


def record_dir() -> Path:
    """The folder of the record: the log, and what lies sealed beside it. It need not exist yet."""
    return _set(RECORD) or platformdirs.user_data_path("houselights", appauthor=False) / "record"


def key_place() -> Path | Keyring:
    """The file with the record's key, or its entry in the system's keyring. It need not exist yet.

    Raises SettingsError when the variable says `keyring:` and no name.
    """
    value = os.environ.get(KEY, "")
    if not value.startswith(IN_KEYRING):
        return _set(KEY) or record_dir() / "private" / "key"
    if not (name := value.removeprefix(IN_KEYRING)).strip():
        raise SettingsError(f"{KEY} is '{value}', expected {IN_KEYRING}NAME", hint=f"for example {IN_KEYRING}footage")
    return Keyring(name)


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
