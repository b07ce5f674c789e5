"""The policy: give a share of the traffic to a new backend, always the same share of the keys."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from converge_provider import CandidateView, Scores, policy

if TYPE_CHECKING:
    from attrs import Attribute


def _check_shares(_: object, attribute: "Attribute[Any]", shares: Mapping[str, float]) -> None:
    if len({name.lower() for name in shares}) < len(shares):
        message = f"'{attribute.name}' names a backend twice, in other letters: {', '.join(shares)}"
        raise ValueError(message)
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            message = f"'{attribute.name}.{name}' must be from 0 to 1, got {share}"
            raise ValueError(message)


@frozen(kw_only=True)
class CanaryOptions:
    """Which backends are new, and how much of the traffic each of them gets."""

    shares: Mapping[str, float] = field(factory=dict[str, float], validator=_check_shares, hash=False)
    """The share of the keys of each new backend, from 0 to 1, by id or by provider, in any case."""
    salt: str = ""
    """Another salt draws other keys; the same one always draws the same."""
    spare: bool = True
    """Whether a new backend answers keys that are not its own when nobody else is eligible."""


@policy(options=CanaryOptions, may_veto=True)
def canary(view: CandidateView, options: CanaryOptions) -> Scores:
    """Score with 1 whom the key belongs to, and veto a new backend for keys that are not its own."""
    shares = {name.lower(): share for name, share in options.shares.items()}
    names = _names(view, shares)
    points = _points(view, options.salt, [name for name in shares if name in names])
    own = {name for name, point in points.items() if point < shares[name]}
    usual = not own

    def words(row: int) -> str:
        name = names[row]
        if name is None:
            return f"the key belongs to {'no new backend' if usual else 'a new backend'}"
        sign = "<" if name in own else "≥"
        return f"the key is at {points[name]:.6f} {sign} {shares[name]:g}, the share of {name}"

    values = [float(usual if name is None else name in own) for name in names]
    spared = options.spare and usual and None not in names
    strangers = () if spared else (row for row, name in enumerate(names) if name is not None and name not in own)
    return Scores(values=values, vetoes={row: words(row) for row in strangers}, explain=words)


def _names(view: CandidateView, shares: Mapping[str, float]) -> list[str | None]:
    """Give the name by which each candidate is new, its id before its provider; ``None``: it is not new."""
    ids = [one.lower() for one in view.column("id")]
    providers = [provider.lower() for provider in view.column("provider")]
    return [
        one if one in shares else provider if provider in shares else None
        for one, provider in zip(ids, providers, strict=True)
    ]


def _points(view: CandidateView, salt: str, names: Iterable[str]) -> Mapping[str, float]:
    """Say where on the way from 0 to 1 the key stands for each new backend; without a key, the decision's seed."""
    from converge_provider import hashed_share  # hashlib, not at registration

    key = view.key
    words = ("seed", str(view.seed)) if key is None else ("key", key)
    return {name: hashed_share("canary", salt, name, *words) for name in names}
