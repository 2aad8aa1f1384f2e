"""What may be done, asked before anything is decoded."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GREEN, Silent, Unwatched
from hypothesis import given
from hypothesis import strategies as st

from houselights import batch, demo, policy
from houselights.config import operator
from houselights.entry import Entry
from houselights.errors import PolicyError, SettingsError
from houselights.record import Record
from houselights.release import Request, release
from houselights.templates import Recogniser
from houselights.types import Authority, Purpose


def test_a_purpose_off_the_list_is_refused_and_the_list_is_named() -> None:
    """R13: no purpose from the closed list, no search; free text alone is refused."""
    with pytest.raises(PolicyError, match="'curiosity' is not on the closed list: consented, subject-access"):
        policy.authority("curiosity", "because", "me")


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.CONSENTED])
def test_every_purpose_but_consent_needs_basis_and_authoriser(purpose: Purpose) -> None:
    """R13: purpose, basis and authoriser are required together."""
    with pytest.raises(PolicyError, match="needs --basis and --authorised-by"):
        policy.authority(purpose, None, None)
    with pytest.raises(PolicyError, match="needs --authorised-by\n"):
        policy.authority(purpose, "warrant 12", "  ")
    assert policy.authority(purpose, "warrant 12", "Inspector A") == Authority(purpose, "warrant 12", "Inspector A")


def test_consent_is_its_own_basis_and_the_operator_authorises(monkeypatch: pytest.MonkeyPatch) -> None:
    """For `consented` nothing but the purpose need be typed; the operator is the account, whatever is in LOGNAME."""
    monkeypatch.setenv("LOGNAME", "the mayor")
    assert policy.authority("consented", None, None) == Authority(Purpose.CONSENTED, policy.CONSENT, operator())
    assert operator() != "the mayor"
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert policy.authority("consented", None, None).authorised_by == "uid 4000000"


def test_a_search_without_subjects_is_refused() -> None:
    """R21: footage is never searched for whoever is in it."""
    use = policy.authority("evaluation", "test", "tester")
    with pytest.raises(PolicyError, match="never searched for whoever is in it"):
        policy.check_search(use, 0)
    policy.check_search(use, 1)


@given(st.text(), st.text())
def test_no_blank_ever_passes_as_basis_or_authoriser(basis: str, name: str) -> None:
    """Whatever is typed, an authority that comes back has words in both places."""
    try:
        use = policy.authority("crime-suspect", basis, name)
    except PolicyError:
        assert not basis.strip() or not name.strip()
    else:
        assert use.basis.strip()
        assert use.authorised_by.strip()


def test_footage_for_public_release_is_not_searched() -> None:
    """The purpose fits releases alone, whoever asks; that intake fixes it for a film is R14, still to come."""
    use = policy.authority("public-release", "press law", "the spokeswoman")
    with pytest.raises(PolicyError, match="not searched for anybody"):
        policy.check_search(use, subjects=1)
    policy.check_release(use, subjects=1)


def test_hiding_everybody_needs_no_purpose_and_comparing_does() -> None:
    """Detection alone may run where recognition is refused; comparing people needs a purpose that fits a release."""
    policy.check_release(None, subjects=0)
    with pytest.raises(PolicyError, match="came without a purpose"):
        policy.check_release(None, subjects=1)
    with pytest.raises(PolicyError, match="does not allow a release to compare"):
        policy.check_release(policy.authority("crime-suspect", "warrant 7", "a judge"), subjects=1)
    with pytest.raises(PolicyError, match="without a basis"):
        policy.check_release(Authority(Purpose.SUBJECT_ACCESS, "", ""), subjects=1)


S7135 = """
[policy]
packs = ["us-ny-s7135"]

[place]
actor = "venue"
venue = "public-accommodation"
event = "sport"
jurisdiction = "US-NY-NYC"
"""


@pytest.fixture
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of an arena in New York where the bill S7135 is kept."""
    path = tmp_path / "houselights.toml"
    path.write_text(S7135)
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(path))
    return path


def test_a_ban_that_is_on_refuses_and_names_rule_and_source(arena: Path) -> None:
    """R15: with the pack on, a search is refused with rule and source; with consent, or the pack off, it is not."""
    use = policy.authority("crime-suspect", "warrant 7", "a judge")
    with pytest.raises(PolicyError, match=r"us-ny-s7135.*S7135") as caught:
        policy.check_search(use, 1, {"consent": "none"})
    assert caught.value.rule == "banned"
    with pytest.raises(PolicyError):
        policy.check_release(policy.authority("subject-access", "a request", "R."), 1, {"consent": "none"})
    policy.check_search(use, 1, {"consent": "written"})
    arena.write_text("[policy]\npacks = []\n")
    policy.check_search(use, 1, {"consent": "none"})


def test_a_fact_that_nobody_stated_is_no_way_round(arena: Path) -> None:
    """A rule that needs a fact refuses while it is unknown; the place and the day are not stated for one use."""
    use = policy.authority("crime-suspect", "warrant 7", "a judge")
    with pytest.raises(PolicyError, match="consent"):
        policy.check_search(use, 1)
    for name, value in (
        ("jurisdiction", "US-TX"),
        ("date", "2020-01-01"),
        ("purpose", "consented"),
        ("compares", False),
    ):
        with pytest.raises(SettingsError, match=f"'{name}' cannot be stated for one use"):
            policy.check_search(use, 1, {"consent": "none", name: value})
    arena.write_text(S7135.replace('jurisdiction = "US-NY-NYC"\n', ""))
    with pytest.raises(PolicyError, match=r"jurisdiction|houselights\.toml"):
        policy.check_search(use, 1, {"consent": "none"})


def test_a_banned_search_is_recorded_and_nothing_is_opened(film: Path, tmp_path: Path, arena: Path) -> None:
    """R15: the log has the pack that came into force and the refusal; no film was opened and no template made."""
    assert arena.exists()
    record = Record(tmp_path / "record")
    with pytest.raises(PolicyError, match="us-ny-s7135"):
        batch.run(replace(demo.request(film), facts={"consent": "none"}), record, Silent())
    entries = [Entry.parse(entry) for entry in record.entries()]
    assert [(e.facts["pack"], e.facts["change"]) for e in entries if e.kind == "policy-changed"] == [
        ("house", "enabled"),
        ("us-ny-s7135", "enabled"),
    ]
    assert (entries[-1].kind, entries[-1].facts["rule"]) == ("refused", "banned")
    assert not any(entry.kind == "search-started" for entry in entries)
    arena.write_text("")
    record.state_rules()
    record.state_rules()
    last = Entry.parse(record.entries()[-1])
    assert (last.facts["pack"], last.facts["change"]) == ("us-ny-s7135", "disabled")


def test_where_recognition_is_banned_hiding_everybody_still_runs(
    scene: Path, tmp_path: Path, arena: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R17: the release is made, and no embedding model is loaded for it."""
    assert arena.exists()

    def loaded(*_: object) -> None:
        raise AssertionError("an embedding model was loaded")

    monkeypatch.setattr(Recogniser, "__init__", loaded)
    plain = Request(scene / "event.mp4", tmp_path / "out.mp4", fill=GREEN, until_s=0.3)
    assert release(plain, Record(tmp_path / "record"), Unwatched()).path.exists()
    keeping = replace(plain, keep=(scene / "gallery",), authority=policy.authority("subject-access", "art. 15", "R."))
    with pytest.raises(PolicyError, match="us-ny-s7135"):
        release(replace(keeping, facts={"consent": "none"}), Record(tmp_path / "record"), Unwatched())
