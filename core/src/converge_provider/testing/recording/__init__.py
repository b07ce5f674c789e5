"""
Record what real servers say, without secrets, and replay it in ordinary tests.

**Record**: a :class:`Recorder` listens on loopback and hands everything on to the real server.  Lead the client to its
``url``, say with ``label`` what is asked for, and save what :meth:`Recorder.recording` gives::

    with Recorder("https://api.example.com", secrets=[key]) as recorder:
        recorder.label = "chat.plain"
        ...                                              # whatever speaks to recorder.url
        recorder.recording(server="example 1.2").save(folder / "example.json")

**Replay**: ``with replayed(Recording.load(path)) as server`` sends the recorded bytes, cut as they came, to whoever
asks the same at ``server.url``; what was never recorded fails the test, and says how it differs.

**Scrubbed** is what stands under a private name (keys, tokens, cookies, passwords, accounts, organisations, projects;
in headers, queries, forms, and anywhere in JSON, also within texts), and each of the ``secrets`` wherever and however
it is written.  Masks are as long as what they cover, so that a recording still tells how long a secret was.  What
cannot be masked, because it is compressed or scattered over events, is refused.
"""

from converge_provider.testing.recording.exchanges import LARGEST, Exchange, Piece, Recording
from converge_provider.testing.recording.recorder import Recorder
from converge_provider.testing.recording.replaying import Replay, replayed
from converge_provider.testing.recording.scrubbing import Scrubber, UnscrubbedError

__all__ = (
    "LARGEST",
    "Exchange",
    "Piece",
    "Recorder",
    "Recording",
    "Replay",
    "Scrubber",
    "UnscrubbedError",
    "replayed",
)
