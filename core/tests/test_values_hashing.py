"""Numbers that are hashed from words: stable, evenly spread, and different for different words."""

from converge_provider import hashed_share


def test_hashed_share_never_changes() -> None:
    """The number of some words is the one that was written down when the function was first published."""
    assert hashed_share("session 7", "acme/large") == 0.4982392858408289
    assert hashed_share("\ud800") < 1.0


def test_hashed_share_tells_words_apart() -> None:
    """Where one word ends and the next begins counts, and so does their order."""
    found = {hashed_share(*words) for words in (("ab",), ("a", "b"), ("b", "a"), ("a:", "b"), ("a", ":b"), ("",), ())}

    assert len(found) == 7


def test_hashed_share_spreads_evenly() -> None:
    """Of ten thousand keys about a tenth falls into each tenth: within four standard deviations."""
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(10 * hashed_share("key", str(number)))] += 1

    assert max(abs(count - 1_000) for count in tenths) <= 120
