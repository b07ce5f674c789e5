"""What the values of options may be: words of a vocabulary, numbers, policies, schemas."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from converge_provider.contract.policies import PolicyChoice
from converge_provider.values.vocabulary import Word

if TYPE_CHECKING:
    from converge_provider.values.messages import JsonObject, JsonValue

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # older releases cannot be subscribed

__all__ = ("DollarType", "Number", "PolicyType", "SchemaType", "WordType", "spelling")

W = TypeVar("W", bound=Word)

_MAX_SCHEMA_BYTES = 2**20


def spelling(member: Word) -> str:
    """
    Spell a word of the vocabulary as a command line does.

    Example:
        >>> from converge_provider import ComplianceLevel, Jurisdiction
        >>> spelling(Jurisdiction.SAME_REGION), spelling(ComplianceLevel.SOC2)
        ('same-region', 'soc2')

    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", str(member.value)).lower()


class WordType(ParamType, Generic[W]):
    """One word of a vocabulary, in any case, with hyphens or underscores."""

    def __init__(self, vocabulary: type[W]) -> None:
        self.name: str = vocabulary.__name__
        self.words: dict[str, W] = {spelling(member): member for member in vocabulary}

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002 - click's
        """Show the words."""
        return f"[{'|'.join(self.words)}]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> W:
        """Find the word, or say which there are."""
        found = self.words.get(str(value).strip().lower().replace("_", "-"))
        if found is None:
            self.fail(f"{value!r} is not one of {', '.join(self.words)}", param, ctx)
        return found


class Number(ParamType):
    """A finite number within bounds; a whole one if the bounds are."""

    name = "NUMBER"

    def __init__(self, low: float, high: float) -> None:
        """Take the least and the greatest."""
        self.low = low
        self.high = high
        self._whole = isinstance(low, int) and isinstance(high, int)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number, or say which are expected."""
        try:
            number = int(str(value)) if self._whole else float(str(value))
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            kind = "a whole number" if self._whole else "a number"
            self.fail(f"expected {kind} from {self.low} to {self.high}, got {str(value)!r}", param, ctx)
        return number


class DollarType(ParamType):
    """An exact amount of US dollars, at least 0."""

    name = "DOLLARS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read the amount, or say what is expected."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            self.fail(f"expected US dollars, at least 0, got {str(value)!r}", param, ctx)
        return amount


class PolicyType(ParamType):
    """A policy's name and, after an equals sign, its weight, and after an at sign, its tier."""

    name = "NAME[=WEIGHT][@TIER]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> PolicyChoice:
        """Split name and weight."""
        text, at, tier = str(value).partition("@")
        name, equals, weight = text.partition("=")
        try:
            number, place = float(weight) if equals else 1.0, int(tier) if at else 0
        except ValueError:
            number = place = -1
        if not name.strip() or not 0 <= number < math.inf or place < 0:
            wanted = "NAME, NAME=WEIGHT or NAME=WEIGHT@TIER with a weight and a tier of 0 or more"
            self.fail(f"{value!r} is not {wanted}", param, ctx)
        return PolicyChoice(name=name.strip(), weight=number, tier=place)


class SchemaType(ParamType):
    """A file that holds a JSON Schema."""

    name = "FILE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "JsonObject":
        """Read and parse the file."""
        try:
            with Path(str(value)).open("rb") as stream:
                found: JsonValue = json.loads(stream.read(_MAX_SCHEMA_BYTES).decode())
        except OSError as exc:
            self.fail(f"cannot read {str(value)!r}: {exc.strerror}", param, ctx)
        except (ValueError, RecursionError) as exc:
            self.fail(f"{str(value)!r} holds no JSON: {exc}", param, ctx)
        if not isinstance(found, Mapping):
            from converge_provider.codec.problems import said  # the codec costs cattrs

            self.fail(f"{str(value)!r} holds no JSON Schema: expected an object, got {said(found)}", param, ctx)
        return found
