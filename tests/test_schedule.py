"""The retention schedule: whole days, within the bounds of the packs, and the text that is made from it."""

import re
from dataclasses import asdict, fields, replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uses import ABOUT, ALL, HOUSE, OTHERS, folder, state

from houselights import packs, schedule
from houselights.errors import SettingsError
from houselights.packs import Pack
from houselights.schedule import KEPT, LONGEST, Schedule
from houselights.settings import setup

NAMES = [each.name for each in fields(Schedule)]
some_days = st.integers(1, LONGEST)
some_schedules = st.builds(Schedule, **dict.fromkeys(NAMES, some_days))
BOUNDS = {(bound.pack, bound.name, bound.most): bound for pack in ALL.values() for bound in pack.bounds}


def table(text: str) -> dict[str, int]:
    """Return the schedule that a written policy states."""
    return {name: int(days) for name, days in re.findall(r"^\| `(\w+)` \|[^|]*\| (\d+) days? \|", text, re.MULTILINE)}


# the numbers


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_the_defaults_satisfy_every_pack(pack: Pack) -> None:
    """R27: whoever states nothing is within every cap and over every floor."""
    assert all(bound.holds(getattr(Schedule(), bound.name)) for bound in pack.bounds)


def test_the_packs_hold_the_caps_and_floors_of_their_sources() -> None:
    """R27: BIPA three years, CUBI a year, 28 CFR five years, the AI Act half a year, the UK 31 days."""
    assert {key: bound.days for key, bound in BOUNDS.items()} == {
        ("house", "results", True): 1825,
        ("house", "watchlists", True): 1825,
        ("eu-ai-act", "payloads", False): 184,
        ("uk-live", "detections", True): 31,
        ("us-il-bipa", "results", True): 1095,
        ("us-il-bipa", "watchlists", True): 1095,
        ("us-tx-cubi", "results", True): 365,
    }
    titles = {pack.name: " ".join(source.title for source in pack.sources) for pack in ALL.values()}
    for bound in BOUNDS.values():
        named = bound.source.split(":")[0].split(",")[0].split("(")[0].rsplit(" Art ")[0].split(" 14/15")[0]
        assert named.removesuffix(";").split(";")[0] in titles[bound.pack]


def test_an_authorisation_in_time_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R22, R27: the hours of an urgent use are fixed, and stand in the text."""
    assert (schedule.URGENT_LIVE_HOURS, schedule.URGENT_FILE_HOURS) == (24, 48)
    state("[retention]\nurgent_live = 72\n", tmp_path, monkeypatch)
    with pytest.raises(SettingsError, match=r"\[retention\] has no key 'urgent_live'"):
        setup()
    told = schedule.text(Schedule(), ())
    assert "24 hours after it began at a door" in told
    assert "48 hours after it began in recorded" in told


@pytest.mark.parametrize("key", BOUNDS, ids=str)
def test_a_schedule_out_of_bounds_is_refused_when_the_settings_are_loaded(
    key: tuple[str, str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R27: over a cap or under a floor by a day: refused, with file, line, key, value, bound, pack and source."""
    bound = BOUNDS[key]
    outside = bound.days + (1 if bound.most else -1)
    text = f'[policy]\npacks = ["{bound.pack}"]\n[retention]\n{bound.name} = '
    file = state(f"{text}{outside}\n", tmp_path, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        setup()
    over = "over the cap" if bound.most else "under the floor"
    where = f"{file}:4: {bound.name} = {outside} in [retention] is {over} of the pack '{bound.pack}': {bound.words}"
    assert caught.value.message == f"{where} (source: {bound.source})"
    assert caught.value.hint == f"say {bound.name} = {bound.days}, or {'less' if bound.most else 'more'}"
    state(f"{text}{bound.days}\n", tmp_path, monkeypatch)
    assert getattr(setup().schedule, bound.name) == bound.days
    state(f"[retention]\n{bound.name} = {outside}\n", tmp_path, monkeypatch)
    if bound.pack == "house":
        with pytest.raises(SettingsError, match="of the pack 'house'"):
            setup()
    else:
        assert getattr(setup().schedule, bound.name) == outside


@given(stated=some_schedules, enabled=st.lists(st.sampled_from(OTHERS), unique_by=lambda pack: pack.name))
def test_what_loads_is_within_every_bound_and_what_does_not_is_out_of_one(
    stated: Schedule, enabled: list[Pack]
) -> None:
    """R27: for any schedule and any packs in any order."""
    bounds = [bound for pack in (HOUSE, *enabled) for bound in pack.bounds]
    rows = "\n".join(f"{name} = {days}" for name, days in asdict(stated).items())
    within = all(bound.holds(getattr(stated, bound.name)) for bound in bounds)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as where:
        names = [pack.name for pack in enabled]
        state(f"[policy]\npacks = {names}\n[retention]\n{rows}\n", Path(where), patch)
        if within:
            assert (setup().schedule, list(setup().bounds)) == (stated, bounds)
        else:
            with pytest.raises(SettingsError, match=r"over the cap|under the floor"):
                setup()


def test_no_two_packs_ask_for_what_cannot_be() -> None:
    """R27: no floor lies over a cap, so some schedule satisfies all packs at once."""
    for one, other in combinations(BOUNDS.values(), 2):
        if one.name == other.name and one.most != other.most:
            cap, floor = (one, other) if one.most else (other, one)
            assert floor.days <= cap.days


@pytest.mark.parametrize("days", ["0", "-1", "36501", "true", "1.5", '"30"', "2026-01-01", "[30]"])
@pytest.mark.parametrize("name", NAMES)
def test_only_whole_days_are_taken(name: str, days: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R27: what is no number of days from 1 to a hundred years is refused with its place."""
    file = state(f"[retention]\n{name} = {days}\n", tmp_path, monkeypatch)
    with pytest.raises(
        SettingsError, match=rf"{re.escape(str(file))}:2: '{name}' cannot be .*: expected a whole number"
    ):
        setup()


def test_a_schedule_in_code_is_held_to_days_too() -> None:
    """No schedule exists with a number that the settings could not state."""
    with pytest.raises(SettingsError, match="'cases' cannot be '0'"):
        Schedule(cases=0)


# bounds of a pack of one's own


def test_a_pack_of_ones_own_bounds_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R27: a default that a pack caps is refused until another number is stated, and the message says so."""
    about = ABOUT.replace("[given]", '[retention]\npayloads_most = { days = 90, source = "a text: 90 days." }\n[given]')
    known = packs.load(folder(tmp_path, about=about))
    file = state('[policy]\npacks = ["mine"]\n', tmp_path, monkeypatch)
    with pytest.raises(SettingsError, match=re.escape(f"{file}: payloads = 1095 in [retention], as it is by default,")):
        setup(known)
    state('[policy]\npacks = ["mine"]\n[retention]\npayloads = 90\n', tmp_path, monkeypatch)
    assert setup(known).schedule == Schedule(payloads=90)


@pytest.mark.parametrize(("line", "said"), [
    ('photos_most = { days = 9, source = "a text" }', "mine.toml:6: [retention] has no key 'photos_most'"),
    ("results_most = 9", "'results_most' in [retention] has to be a table"),
    ("results_most = { days = 9 }", "'source' has to be words"),
    ('results_most = { days = 0, source = "a text" }', "mine.toml:6: 'results_most' cannot be '0'"),
    ('results_most = { source = "a text" }', "mine.toml:6: 'results_most' cannot be 'None'"),
    ('results_most = { days = 9, source = "a text", from = 1 }', "has no key 'from'"),
])  # fmt: skip
def test_a_bound_is_read_strictly(line: str, said: str, tmp_path: Path) -> None:
    """R27: a bound has days and a source, and is of something that is kept."""
    with pytest.raises(SettingsError, match=re.escape(said)):
        packs.load(folder(tmp_path, about=ABOUT.replace("[given]", f"[retention]\n{line}\n[given]")))


# the text


@given(stated=some_schedules)
def test_the_numbers_in_the_text_are_the_schedule(stated: Schedule) -> None:
    """R30: the written policy reads back to the schedule that it was made from."""
    assert Schedule(**table(schedule.text(stated, HOUSE.bounds))) == stated


@given(stated=some_schedules, name=st.sampled_from(NAMES), days=some_days)
def test_another_number_is_another_text(stated: Schedule, name: str, days: int) -> None:
    """R30: whoever changes a number changes what is published."""
    changed = replace(stated, **{name: days})
    assert (schedule.text(changed, ()) == schedule.text(stated, ())) == (changed == stated)


def test_the_text_says_which_pack_bounds_what() -> None:
    """R30: every bound that is on stands in the text with its pack and source, and what nothing bounds is named."""
    told = schedule.text(Schedule(), [bound for pack in ALL.values() for bound in pack.bounds])
    for bound in BOUNDS.values():
        assert f"- `{bound.name}`: {bound.words}, by the pack `{bound.pack}`. {bound.source}\n" in told
    assert "- `cases`: no pack that is on bounds it." in told
    alone = schedule.text(Schedule(), HOUSE.bounds)
    assert "us-il-bipa" not in alone
    assert KEPT.keys() == set(NAMES)
    assert all(words in alone for kept in KEPT.values() for words in (kept.what, kept.since, kept.then))


def test_the_page_says_what_the_program_keeps() -> None:
    """R30: docs/retention.md has the default of each number, as it is in the code."""
    page = (Path(__file__).parent.parent / "docs" / "retention.md").read_text("utf-8")
    assert {name: int(days) for name, days in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)} == asdict(
        Schedule()
    )
