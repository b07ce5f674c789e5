"""
What is remembered between requests, behind one protocol.

The rooms::

    remembered   what attempts say of a backend      holding      reservations: what is asked for, what is short
    standing     who sits out: circuits, benches     store        the protocol
    memory       the store in this process           windows      amounts over time
    reckoning    a circuit's counts                  samples      the latest measurements, and their percentiles
    gauge        what is measured of a backend       gauges       of all, kept ready
    assignments  who answered what belongs together
"""

from converge_provider.engine.state.holding import Hold, Shortage
from converge_provider.engine.state.memory import MemoryStore
from converge_provider.engine.state.remembered import Remembered
from converge_provider.engine.state.standing import Bench, Circuit
from converge_provider.engine.state.store import StateStore

__all__ = ("Bench", "Circuit", "Hold", "MemoryStore", "Remembered", "Shortage", "StateStore")
