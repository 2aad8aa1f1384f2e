"""What may be done, asked before anything is decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import policy
from houselights.config import operator
from houselights.errors import PolicyError
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
