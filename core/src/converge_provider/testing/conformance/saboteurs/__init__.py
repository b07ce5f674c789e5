"""For every check a backend that is broken in exactly that way, which the check must notice."""

from typing import Final

from converge_provider.testing.conformance.saboteurs.answering import ANSWERING
from converge_provider.testing.conformance.saboteurs.asking import ASKING
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur
from converge_provider.testing.conformance.saboteurs.conducting import CONDUCTING
from converge_provider.testing.conformance.saboteurs.failing import FAILING
from converge_provider.testing.conformance.saboteurs.living import LIVING
from converge_provider.testing.conformance.saboteurs.telling import TELLING

__all__ = ("SABOTEURS", "Broken", "Saboteur")

SABOTEURS: Final[tuple[Saboteur, ...]] = (*ASKING, *ANSWERING, *TELLING, *FAILING, *CONDUCTING, *LIVING)
"""All of them."""
