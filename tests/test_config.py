"""Facts about the places on this machine."""

from pathlib import Path

import pytest

from houselights import config
from houselights.config import Keyring
from houselights.errors import SettingsError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the variables is set."""
    for variable in (config.CACHE, config.MODELS, config.DATA, config.KEY):
        monkeypatch.delenv(variable, raising=False)


def test_without_variables_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache lies in the user's cache folder, the weights in the cache, and there is no data."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.cache_dir().name == "houselights"
    assert config.models_dir() == config.cache_dir() / "models"
    assert config.data_dir() is None


def test_variables_set_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The weights follow the cache until they are given a place of their own."""
    monkeypatch.setenv(config.CACHE, str(tmp_path / "cache"))
    assert config.cache_dir() == tmp_path / "cache"
    assert config.models_dir() == tmp_path / "cache" / "models"
    monkeypatch.setenv(config.MODELS, str(tmp_path / "weights"))
    assert config.models_dir() == tmp_path / "weights"
    monkeypatch.setenv(config.DATA, str(tmp_path))
    assert config.data_dir() == tmp_path


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable never turns into the working directory."""
    usual = config.cache_dir()
    monkeypatch.setenv(config.CACHE, "")
    monkeypatch.setenv(config.DATA, "")
    assert config.cache_dir() == usual
    assert config.data_dir() is None


def test_a_relative_place_and_a_home_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A later change of directory does not move the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(config.CACHE, "here")
    assert config.cache_dir() == tmp_path / "here"
    monkeypatch.setenv(config.CACHE, "~/there")
    assert config.cache_dir() == tmp_path / "home" / "there"


def test_asking_makes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Folders come into being with the first write, not with the question."""
    monkeypatch.setenv(config.CACHE, str(tmp_path / "cache"))
    config.models_dir()
    assert list(tmp_path.iterdir()) == []


def test_every_level_that_is_made_is_for_the_owner_alone(tmp_path: Path) -> None:
    """Missing parents get 0700 too, and what was there keeps its mode."""
    tmp_path.chmod(0o755)
    made = config.private_dir(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert [path.stat().st_mode & 0o777 for path in (made, made.parent, tmp_path)] == [0o700, 0o700, 0o755]
    assert config.private_dir(made) == made


def test_a_folder_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    """The error names the folder and the variables that move it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="file/cache' cannot be made") as caught:
        config.private_dir(tmp_path / "file" / "cache")
    assert config.CACHE in str(caught.value.hint)


def test_data_that_is_not_a_folder_is_a_settings_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mistyped place of data is not taken for having none."""
    monkeypatch.setenv(config.DATA, str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="not a folder"):
        config.data_dir()


def test_the_key_lies_in_a_file_or_in_the_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the record, in the file that the variable names, or under a name in the keyring; asking reads none of them."""
    monkeypatch.setenv(config.RECORD, str(tmp_path))
    assert config.key_place() == tmp_path / "private" / "key"
    monkeypatch.setenv(config.KEY, str(tmp_path / "elsewhere"))
    assert config.key_place() == tmp_path / "elsewhere"
    monkeypatch.setenv(config.KEY, "keyring:press office")
    assert config.key_place() == Keyring("press office")
    assert str(config.key_place()) == "keyring:press office"
    monkeypatch.setenv(config.KEY, "./keyring:file")
    assert config.key_place() == Path.cwd() / "keyring:file"
