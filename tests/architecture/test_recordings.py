"""Recordings of real servers in this repository: small, and without what is secret."""

import re
from pathlib import Path

import pytest

from converge_provider.testing.recording import LARGEST, Recording, Scrubber

ROOT = Path(__file__).parents[2]
RECORDINGS = sorted(ROOT.glob("plugins/*/tests/recorded/*.json"))


@pytest.mark.parametrize("folder", sorted({path.parent for path in RECORDINGS}), ids=lambda folder: folder.parts[-3])
def test_recordings_of_a_plugin_are_small(folder: Path) -> None:
    """All recordings of one plugin together stay below the limit that the recorder keeps."""
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_recording_is_scrubbed(path: Path) -> None:
    """Scrubbing it once more changes nothing, and no key or folder of the servers that were recorded stands in it."""
    scrubber = Scrubber()
    for one in Recording.load(path).exchanges:
        answer = b"".join(piece.data for piece in one.answer)

        assert scrubber.path(one.path) == one.path
        assert scrubber.headers(one.headers) == one.headers
        assert scrubber.body(one.body.data) == one.body.data
        assert scrubber.answer(answer) == answer
    text = path.read_text("utf-8")
    assert "sk-" not in text
    assert re.findall(r"/(?:tmp|home|root|opt|var|usr|work|Users)/", text) == []
