"""The demo, run as a newcomer runs it."""

from __future__ import annotations

from pathlib import Path

import independent
from typer.testing import CliRunner

from houselights import cli
from houselights.custody import read_key


def test_the_demo_ends_with_a_log_that_others_code_checks(
    detector_path: Path, recogniser_path: Path, cast_folder: Path, tmp_path: Path
) -> None:
    """It finds, releases and lists the uses of its film; sigstore's code, and Go's, find its whole log in order."""
    assert detector_path.exists() and recogniser_path.exists() and cast_folder.exists()  # noqa: PT018 - fetched
    done = CliRunner().invoke(cli.app, ["demo", "--out", str(tmp_path / "demo"), "--seconds", "4"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "searches of this film: 1, releases: 1" in done.output
    log = tmp_path / "demo" / "record" / "log"
    independent.check(log, read_key(str(log / "key")))
    assert (tmp_path / "demo" / "released.mp4.tlog-proof").exists()
