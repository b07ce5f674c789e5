"""The parts of one engine, as the rooms of a request use them."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from converge_provider.contract.policies import EnabledPolicy
from converge_provider.engine.clock import Clock
from converge_provider.engine.guards import Gatehouse
from converge_provider.engine.handles import Handles
from converge_provider.engine.hedging import Hedging
from converge_provider.engine.observation import Observation
from converge_provider.engine.retrying import Retrying
from converge_provider.engine.settings import Resilience
from converge_provider.engine.sight import Sight
from converge_provider.engine.state import StateStore
from converge_provider.engine.tokenisers import Tokenisers
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.engine.journal import Journal
    from converge_provider.registry import Catalogue

__all__ = ("Parts",)


@frozen(kw_only=True, eq=False)
class Parts:
    """What one engine is made of."""

    catalogue: "Catalogue"
    policies: Sequence[EnabledPolicy]
    clock: Clock
    random: Random
    store: StateStore
    guards: Gatehouse
    journal: "Journal"
    handles: Handles
    observation: Observation
    resilience: Resilience
    retrying: Retrying
    hedging: Hedging
    sight: Sight
    tokenisers: Tokenisers
