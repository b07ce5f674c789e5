"""Who answered what belongs together, in bounded memory."""

from collections import OrderedDict

__all__ = ("Assignments",)


class Assignments:
    """
    The backend that last answered each key, for a time after its last answer.

    Example:
        >>> assignments = Assignments(most=10_000, lasting_s=3600.0)
        >>> assignments.put("k", "a/b", now_s=100.0)
        >>> assignments.get("k", now_s=200.0), assignments.get("k", now_s=4000.0)
        (('a/b', 100.0), None)

    """

    __slots__ = ("_known", "_lasting_s", "_most")

    def __init__(self, *, most: int, lasting_s: float) -> None:
        """
        Start with none.

        Args:
            most: Keys that are kept, ≥ 1; the one that was answered longest ago goes first.
            lasting_s: Seconds after its last answer for which a key is kept, > 0.

        """
        self._most = most
        self._lasting_s = lasting_s
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        """Give how many keys are kept, among them those whose time is over."""
        return len(self._known)

    def get(self, key: str, now_s: float) -> tuple[str, float] | None:
        """Give who last answered and how many seconds ago, or ``None``: nobody, or too long ago."""
        found = self._known.get(key)
        if found is None or found[1] + self._lasting_s <= now_s:
            return None
        return found[0], max(0.0, now_s - found[1])

    def put(self, key: str, backend: str, now_s: float) -> None:
        """Take who answered."""
        self._known[key] = (backend, now_s)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
