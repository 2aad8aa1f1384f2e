"""What may be done, asked before anything is decoded."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest
from conftest import GREEN, Silent, Unwatched
from hypothesis import given
from hypothesis import strategies as st

from houselights import batch, demo, policy
from houselights.config import operator
from houselights.entry import RECIPIENT_WORDS, Entry
from houselights.errors import PolicyError, SettingsError
from houselights.facts import ACTIONS, KINDS, WORDS
from houselights.policy import Known
from houselights.record import Record
from houselights.release import Request, release
from houselights.templates import Recogniser
from houselights.types import Authority, Purpose
from houselights.words import said


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
        assert not said(basis) or not said(name)
    else:
        assert use.basis == said(basis) != ""
        assert use.authorised_by == said(name) != ""


def test_what_nobody_sees_is_no_basis_and_no_authoriser() -> None:
    """R22: characters without a shape are no words; for `consented` they are as nothing."""
    for basis, name in (("\u200b", "\u2060"), ("warrant 7", "\u200b"), ("\u3164", "Inspector Moe")):
        with pytest.raises(PolicyError, match="needs --") as refusal:
            policy.authority("crime-suspect", basis, name)
        assert refusal.value.rule == "basis-and-authoriser"
    use = policy.authority("consented", "\u200b", "\u2060")
    assert (use.basis, use.authorised_by) == (policy.CONSENT, operator())


def test_footage_for_public_release_is_not_searched() -> None:
    """The purpose fits releases alone, whoever asks; that intake fixes it for a film is tested in test_intake.py."""
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


SUSPECT = policy.authority("crime-suspect", "warrant 7", "a judge")
EXCLUSION = policy.authority("venue-exclusion", "the house rules", "the manager")
TWO = Known(approvals=2, category="conduct")


@pytest.mark.parametrize("name", policy.FIXED)
def test_what_the_program_knows_nobody_states(name: str) -> None:
    """R20, R37: confirmations, reasons, categories and measurements come from the program, never from --fact."""
    for ask in (policy.check_search, policy.check_release, policy.check_open):
        with pytest.raises(SettingsError, match=f"'{name}' cannot be stated for one use"):
            ask(policy.authority("evaluation", "test", "tester"), 1, {name: True})
    with pytest.raises(SettingsError, match="cannot be stated"):
        policy.check_action("stop", SUSPECT, TWO, {name: True})
    with pytest.raises(SettingsError, match="cannot be stated"):
        policy.check_export("court", SUSPECT, 1, {name: True})


def test_what_is_known_is_a_fact_that_nobody_states() -> None:
    """Every field of Known is a fact of the packs, and fixed; so is what a use itself says."""
    assert {"action", "compares", "date", "mode", "purpose", "recipient", "subjects"} <= set(policy.FIXED)
    stated_where_no_list_says_it = {"subject_minor"}
    assert {each.name for each in fields(Known)} - stated_where_no_list_says_it <= set(policy.FIXED) & KINDS.keys()


def test_a_minor_is_looked_for_with_a_recorded_reason() -> None:
    """R20: the reason has to be known to the program; that somebody says there is one is not enough."""
    with pytest.raises(PolicyError, match="is a minor") as caught:
        policy.check_search(SUSPECT, 1, {"subject_minor": True})
    assert caught.value.rule == "approval-needed"
    policy.check_search(SUSPECT, 1, {"subject_minor": True}, Known(justified=True))


def test_a_poor_photograph_needs_a_reason_and_two_people() -> None:
    """R35: what the gate for quality found is known to the program, and so are those who approved it all the same."""
    with pytest.raises(PolicyError, match="below the gate for quality"):
        policy.check_search(SUSPECT, 1, None, Known(quality_ok=False, justified=True, approvals=1))
    policy.check_search(SUSPECT, 1, None, Known(quality_ok=False, justified=True, approvals=2))


@pytest.mark.parametrize("probe", ["sketch", "composite", "stand-in", "generated", "edited"])
def test_a_picture_that_is_no_photograph_of_the_person_is_refused(probe: str) -> None:
    """R36: in a search, in a release, and when results are opened; for evaluation a generated one is allowed."""
    evaluation = policy.authority("evaluation", "test", "tester")
    access = policy.authority("subject-access", "art. 15", "R.")
    for ask, use in ((policy.check_search, SUSPECT), (policy.check_open, SUSPECT), (policy.check_release, access)):
        with pytest.raises(PolicyError, match="probe-provenance") as caught:
            ask(use, 1, {"probe": probe})
        assert caught.value.rule == "quality"
        ask(use, 1, {"probe": "original"})
        if probe == "generated":
            ask(evaluation, 1, {"probe": probe})


def test_results_are_opened_under_the_rules_they_were_searched_under(arena: Path) -> None:
    """R13, R15: a ban that came into force since the search holds for its results, too."""
    assert arena.exists()
    with pytest.raises(PolicyError, match="us-ny-s7135"):
        policy.check_open(SUSPECT, 1, {"consent": "none"})
    policy.check_open(SUSPECT, 1, {"consent": "written"})
    with pytest.raises(PolicyError, match="not searched for anybody"):
        policy.check_open(policy.authority("public-release", "press law", "S."), 1, {"consent": "written"})
    with pytest.raises(PolicyError, match="without a basis"):
        policy.check_open(Authority(Purpose.CRIME_SUSPECT, "", ""), 1, {"consent": "written"})
    with pytest.raises(PolicyError, match="no subject is named"):
        policy.check_open(SUSPECT, 0, {"consent": "written"})


def test_who_opens_results_of_a_door_screens_nobody() -> None:
    """R24: the sign is asked for before a door is screened, not again before its results are opened."""
    policy.check_open(EXCLUSION, 1, None, TWO, mode="live")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("approvals", [0, 1, 2])
def test_nothing_is_done_before_two_people_confirmed(action: str, approvals: int) -> None:
    """R37: one person is not enough for any action, and nobody can state that there were two."""
    known = Known(approvals=approvals, category="conduct")
    if approvals == 2:
        policy.check_action(action, EXCLUSION, known)
        return
    with pytest.raises(PolicyError, match="two different people") as caught:
        policy.check_action(action, EXCLUSION, known)
    assert caught.value.rule == "two-people"


@pytest.mark.parametrize("action", ["refuse-admission", "eject"])
@pytest.mark.parametrize("category", [*WORDS["category"], None])
def test_a_dispute_is_no_ground_to_turn_a_ticket_holder_away(action: str, category: str | None, arena: Path) -> None:
    """R16: with 40-b on, of all categories only conduct leads to a refusal; an unknown one does not."""
    arena.write_text(S7135.replace("us-ny-s7135", "us-ny-40b").replace('"sport"', '"concert"') + "ticketed = true\n")
    facts = {"over_21": True, "on_time": True}
    known = Known(approvals=2, category=category)
    if category == "conduct":
        policy.check_action(action, EXCLUSION, known, facts, mode="live")
        return
    with pytest.raises(PolicyError, match="us-ny-40b/ticket-holders") as caught:
        policy.check_action(action, EXCLUSION, known, facts, mode="live")
    assert caught.value.rule == "action-banned"


@pytest.mark.parametrize("action", ["sell", "search", "export", "none", "arrest"])
def test_only_an_action_on_a_person_is_an_action(action: str) -> None:
    """The list is closed, and nothing on it is a sale."""
    with pytest.raises(SettingsError, match="expected one of: refuse-admission, eject, stop"):
        policy.check_action(action, EXCLUSION, TWO)


def test_an_export_names_a_kind_of_recipient() -> None:
    """R23: every kind but an unstated one; a word off the list is an error; nothing has a price."""
    for recipient in RECIPIENT_WORDS:
        policy.check_export(recipient, SUSPECT, 1)
        policy.check_export(recipient, None, 0)
    for use in (SUSPECT, None):
        with pytest.raises(PolicyError, match="for what kind of recipient") as caught:
            policy.check_export("unstated", use, 1)
        assert caught.value.rule == "action-banned"
        with pytest.raises(SettingsError, match="no recipient is 'a friend': expected one of: subject"):
            policy.check_export("a friend", use, 1)
    with pytest.raises(PolicyError, match="without a basis"):
        policy.check_export("court", Authority(Purpose.CRIME_SUSPECT, "", ""), 1)


def test_an_export_comes_under_the_rules_of_its_place(arena: Path) -> None:
    """R23: in Texas the police get nothing without a warrant; a ban on the comparison holds for what comes of it."""
    arena.write_text('[policy]\npacks = ["us-tx-cubi"]\n[place]\njurisdiction = "US-TX"\n')
    for use in (SUSPECT, None):
        with pytest.raises(PolicyError, match="with a warrant alone"):
            policy.check_export("police", use, 1, {"warrant": False, "consent": "informed"})
        policy.check_export("police", use, 1, {"warrant": True, "consent": "informed"})
    with pytest.raises(PolicyError, match="inform-and-consent"):
        policy.check_export("court", SUSPECT, 1, {"consent": "none"})
    arena.write_text('[policy]\npacks = ["eu-ai-act"]\n[place]\nactor = "police"\njurisdiction = "EU"\n')
    facts = {"aim_listed": False, "permission": "given"}
    policy.check_export("court", SUSPECT, 1, facts, mode="file")
    with pytest.raises(PolicyError, match="live-law-enforcement"):
        policy.check_export("court", SUSPECT, 1, facts, mode="live")


def test_a_schedule_out_of_bounds_stops_every_use(arena: Path) -> None:
    """R27: no search is made under settings that keep its results for too long."""
    arena.write_text('[policy]\npacks = ["us-tx-cubi"]\n[retention]\nresults = 366\n')
    with pytest.raises(SettingsError, match=r"results = 366 in \[retention\] is over the cap of the pack 'us-tx-cubi'"):
        policy.check_search(SUSPECT, 1, {"consent": "informed"})


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
    off, place = map(Entry.parse, record.entries()[-2:])
    assert (off.facts["pack"], off.facts["change"]) == ("us-ny-s7135", "disabled")
    assert (place.kind, place.facts["jurisdiction"]) == ("setup-changed", "unknown")


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


NOBODY = Authority(Purpose.CRIME_SUSPECT, "", "")
TYPED: list[tuple[Callable[[], object], str, str]] = [
    (lambda: policy.purpose_of("stalking"), "'stalking' is not on the closed list", "closed-purposes"),
    (lambda: policy.authority("crime-suspect", "warrant", None), "needs --authorised-by", "basis-and-authoriser"),
    (lambda: policy.check_search(NOBODY, 1), "came without a basis or an authoriser", "basis-and-authoriser"),
    (lambda: policy.check_search(replace(NOBODY, basis="b"), 1), "came without a basis", "basis-and-authoriser"),
    (lambda: policy.check_search(replace(NOBODY, authorised_by="a"), 1), "without a basis", "basis-and-authoriser"),
    (lambda: policy.check_open(NOBODY, 1), "came without a basis or an authoriser", "basis-and-authoriser"),
    (lambda: policy.check_action("stop", NOBODY, Known(approvals=2)), "came without a basis", "basis-and-authoriser"),
    (lambda: policy.check_export("court", NOBODY, 1), "came without a basis or an authoriser", "basis-and-authoriser"),
    (lambda: policy.check_release(NOBODY, 1), "came without a basis or an authoriser", "basis-and-authoriser"),
    (lambda: policy.check_release(None, 1), "came without a purpose", "basis-and-authoriser"),
    (lambda: policy.check_release(SUSPECT, 1), "these do: consented, subject-access", "purpose-allows-comparison"),
    (lambda: policy.check_search(SUSPECT, 0), "a search needs at least one named subject", "named-subjects-only"),
    (lambda: policy.check_search(replace(SUSPECT, purpose=Purpose.PUBLIC_RELEASE), 1),
     "footage for public release is not searched", "public-release-is-not-searched"),
    (lambda: policy.check_open(replace(SUSPECT, purpose=Purpose.PUBLIC_RELEASE), 1),
     "footage for public release is not searched", "public-release-is-not-searched"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "words", "rule"), TYPED, ids=map(str, range(len(TYPED))))
def test_what_no_pack_can_allow_is_refused_before_any_is_asked(
    asked: Callable[[], object], words: str, rule: str
) -> None:
    """R13, R21: the program itself refuses in its own words, so that a pack that was altered opens nothing."""
    with pytest.raises(PolicyError) as refused:
        asked()
    assert words in refused.value.message
    assert refused.value.rule == rule


def test_consent_is_the_basis_where_it_is_the_purpose() -> None:
    """What is stated stays; what is not is consent, and the account that runs the program."""
    assert policy.authority("consented", None, None) == Authority(
        Purpose.CONSENTED, "consent of the people searched for", operator()
    )
    assert policy.authority("consented", "form 3", "Ana") == Authority(Purpose.CONSENTED, "form 3", "Ana")


def test_nothing_is_known_unless_it_is() -> None:
    """R37: without signed confirmations there are none, and facts of the program's own are nobody's to state."""
    assert Known() == Known(justified=False, subject_minor=None, approvals=0, category=None, quality_ok=None)
    assert set(policy.FIXED) == {
        "action", "answered_for", "approvals", "category", "compares", "date", "justified", "mode", "purpose",
        "quality_ok", "recipient", "subjects",
    }  # fmt: skip
    with pytest.raises(FrozenInstanceError):
        Known().approvals = 2  # type: ignore[misc]
