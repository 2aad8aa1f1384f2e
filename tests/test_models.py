"""Facts about the table of weights: what is in it, on what terms, and how what lies in the cache is checked."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from test_fetching import GOOD, SOURCE, WRONG, cache, sha256, tiny

from houselights import models
from houselights.errors import ModelError
from houselights.models import WheelMember

__all__ = ["cache"]


def test_every_entry_of_the_table_is_whole() -> None:
    """Names and files are unique, digests are 64 hex digits, and licence, size and sources are stated."""
    assert len({model.name for model in models.TABLE}) == len(models.TABLE)
    assert len({model.file for model in models.TABLE}) == len(models.TABLE)
    for model in models.TABLE:
        assert re.fullmatch("[0-9a-f]{64}", model.sha256), model.name
        assert Path(model.file).name == model.file
        assert model.licence
        assert model.licence_url_or_note.startswith("https://")
        assert model.size_bytes > 0
        assert model.sources
        assert isinstance(model.sources[0], WheelMember)
        for source in model.sources:
            assert isinstance(source, WheelMember) or source.url.startswith("https://")


def test_each_role_has_one_default_that_needs_no_acceptance() -> None:
    """Whoever names no model gets one whose terms ask for nothing."""
    for role in ("detector", "recogniser", "second-detector", "cast"):
        defaults = [model for model in models.TABLE if model.role == role and model.default]
        assert [models.default(role)] == defaults
        assert not defaults[0].accept_required


# Fetching


def test_verify_tells_ok_missing_and_altered(cache: Path) -> None:
    """Each file is hashed anew; what is not a readable file counts as altered."""
    cache.mkdir(parents=True)
    (cache / "a.onnx").write_bytes(GOOD)
    (cache / "b.onnx").write_bytes(WRONG)
    (cache / "d.onnx").mkdir()
    checks = models.verify(cache, [tiny(file=f"{letter}.onnx") for letter in "abcd"])
    assert [check.state for check in checks] == ["ok", "altered", "missing", "altered"]
    assert checks[0].reason == ""
    assert checks[1].reason == f"sha256 is {sha256(WRONG)}, expected {sha256(GOOD)}"
    assert {check.state for check in models.verify()} == {"missing"}


def test_path_of_hashes_at_every_use(cache: Path) -> None:
    """A file altered after its fetch is an error with both hashes, a missing one names the command that fetches it."""
    cache.mkdir(parents=True)
    (cache / "tiny.onnx").write_bytes(GOOD)
    assert models.path_of(tiny(SOURCE)) == cache / "tiny.onnx"
    (cache / "tiny.onnx").write_bytes(WRONG)
    with pytest.raises(ModelError, match=f"altered: sha256 is {sha256(WRONG)}, expected {sha256(GOOD)}"):
        models.path_of(tiny(SOURCE))
    with pytest.raises(ModelError, match=r"'yunet' .* is missing") as caught:
        models.path_of("yunet")
    assert "houselights models fetch" in str(caught.value.hint)
    with pytest.raises(ModelError, match="'sfaec' is not known; known are yunet, sface"):
        models.path_of("sfaec")


# Recognisers by choice


def test_research_weights_must_be_accepted() -> None:
    """The error shows the licence and where it stands; with acceptance the table's entry comes back."""
    with pytest.raises(ModelError, match="non-commercial research only") as caught:
        models.recogniser("w600k_mbf", accept_licence=False)
    assert "https://github.com/deepinsight/insightface" in caught.value.message
    assert "--accept-licence" in str(caught.value.hint)
    assert models.recogniser("w600k_mbf", accept_licence=True) is models.named("w600k_mbf")
    assert models.recogniser("sface", accept_licence=False) is models.default("recogniser")


def test_a_file_is_a_recogniser_of_unknown_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must be accepted too, is hashed, and is found again by path_of until it changes."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.onnx"
    file.write_bytes(GOOD)
    with pytest.raises(ModelError, match=r"'mine\.onnx' has terms that must be accepted first: unknown"):
        models.recogniser("mine.onnx", accept_licence=False)
    model = models.recogniser("mine.onnx", accept_licence=True)
    assert (model.name, model.sha256, model.size_bytes) == ("mine.onnx", sha256(GOOD), len(GOOD))
    assert models.path_of(model) == file
    file.write_bytes(WRONG)
    with pytest.raises(ModelError, match="altered"):
        models.path_of(model)


def test_a_file_known_by_its_hash_keeps_its_name_and_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renaming research weights does not change their terms, and a detector is not taken for a recogniser."""
    file = tmp_path / "renamed.onnx"
    file.write_bytes(GOOD)
    known = replace(tiny(SOURCE), licence="research only", accept_required=True)
    monkeypatch.setattr(models, "TABLE", (known,))
    with pytest.raises(ModelError, match="recogniser 'tiny' has terms that must be accepted first: research only"):
        models.recogniser(str(file), accept_licence=False)
    assert models.path_of(models.recogniser(str(file), accept_licence=True)) == file
    monkeypatch.setattr(models, "TABLE", (replace(known, role="detector"),))
    with pytest.raises(ModelError, match="'tiny' is a detector, not a recogniser"):
        models.recogniser(str(file), accept_licence=True)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("absent.onnx", "'absent.onnx' cannot be read \\(No such file"),
        ("folder.onnx", "'folder.onnx' cannot be read \\(Is a directory"),
        ("weights.bin", "'weights.bin' is not known"),
        ("yunet", "'yunet' is a detector"),
    ],
)
def test_what_is_no_recogniser_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, reason: str
) -> None:
    """The error says what was given and what would do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match=reason) as caught:
        models.recogniser(given, accept_licence=True)
    assert "FILE.onnx" in str(caught.value.hint)


# The cast
