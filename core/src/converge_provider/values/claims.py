"""Facts about a backend beyond the contract's fields, each of which may be unknown, and where they come from."""

from collections.abc import Iterable, Mapping
from datetime import date

from attrs import field
from attrs.converters import optional

from converge_provider.values.classes import frozen
from converge_provider.values.freezing import frozen_names
from converge_provider.values.identity import BackendKind, Capability
from converge_provider.values.money import Prices
from converge_provider.values.scalars import U32, ContextWindowTokens, LatencyMillis, QualityScore
from converge_provider.values.vocabulary import ComplianceLevel, CostClass, DataSovereignty

__all__ = ("Certification", "Claims", "FactSource", "TaskQuality")


def _capitals(name: str) -> str:
    return name.upper()


@frozen(kw_only=True)
class Certification:
    """
    A rulebook that a backend is certified for, and who says so.

    Example:
        >>> Certification(name="iso27001", source="the auditor's report").name
        'ISO27001'

    """

    name: str = field(converter=_capitals)
    """``GDPR``, ``HIPAA``, ``SOC2``, ``ISO27001``, …; in capitals."""
    source: str | None = None
    """Who says so; ``None``: the source of the claims that this is among."""
    as_of: date | None = None
    """When it was true."""


@frozen(kw_only=True)
class TaskQuality:
    """How good a backend is at one kind of task, and by which benchmark."""

    task: str
    """The kind of task: ``coding``, ``summaries``, …"""
    score: QualityScore = field(converter=QualityScore)
    """From 0 to 1."""
    benchmark: str | None = None
    """What it was measured with."""
    source: str | None = None
    as_of: date | None = None


def _own_abilities(stated: Mapping[Capability, bool]) -> Mapping[Capability, bool]:
    return dict(stated)


def _codes(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.upper() for name in frozen_names(names))


@frozen(kw_only=True)
class Claims:
    """
    What one source says of one backend; ``None``, or absence from a mapping, is *unknown*.

    Claims of several sources about one backend are merged fact by fact, the strongest source first: the host's
    configuration, measured evidence, the adapter's own, a catalogue.

    Example:
        >>> Claims(country="SE", capabilities={Capability.TOOL_USE: True}, source="the operator").country
        'SE'

    """

    source: str | None = None
    """Who says so: a URL, a document, a person."""
    as_of: date | None = None
    """When it was true."""
    service: str | None = field(default=None, metadata={"omit_empty": True})
    """The public service that answers (``openai``, ``openrouter``), by which a catalogue knows it; not a proxy."""
    capabilities: Mapping[Capability, bool] = field(
        factory=dict[Capability, bool], converter=_own_abilities, hash=False
    )
    """Yes or no for each capability the source speaks of."""
    kind: BackendKind | None = None
    """What it is; ``None``: a chat backend is of the kind ``Llm``."""
    honours: frozenset[str] | None = field(default=None, converter=optional(frozen_names))
    """The optional fields of a request (``seed``, ``top_p``, ``response_schema``, …) that it honours."""
    context_tokens: ContextWindowTokens | None = field(default=None, converter=optional(ContextWindowTokens))
    """The context window, in tokens."""
    tokeniser: str | None = field(default=None, metadata={"omit_empty": True})
    """What its tokens are counted by: ``tiktoken:NAME``, or ``file:PATH`` of a ``tokenizer.json``."""
    max_output_tokens: U32 | None = None
    """The longest answer, in tokens."""
    input_modalities: frozenset[str] | None = field(default=None, converter=optional(frozen_names))
    """What it takes: ``text``, ``image``, ``audio``, ``document``, ``video``."""
    output_modalities: frozenset[str] | None = field(default=None, converter=optional(frozen_names))
    """What it gives, in the same words."""
    cost_class: CostClass | None = None
    typical_latency_ms: LatencyMillis | None = field(default=None, converter=optional(LatencyMillis))
    """Milliseconds that a typical answer takes, at least 1."""
    quality: QualityScore | None = field(default=None, converter=optional(QualityScore))
    """How good its answers are, from 0 to 1."""
    qualities: tuple[TaskQuality, ...] | None = field(default=None, converter=optional(tuple[TaskQuality, ...]))
    """How good it is at kinds of tasks."""
    prices: Prices | None = None
    country: str | None = None
    """The provider's country, under whose law it stands: an ISO 3166 code."""
    region: str | None = None
    """The provider's region: ``EU``, ``US``, …"""
    processing_countries: frozenset[str] | None = field(default=None, converter=optional(_codes))
    """Every country in which it may compute."""
    processing_regions: frozenset[str] | None = field(default=None, converter=optional(_codes))
    """Every region in which it may compute."""
    data_sovereignty: frozenset[DataSovereignty] | None = None
    """Every place whose rules on residency it keeps."""
    compliance: frozenset[ComplianceLevel] | None = None
    """Every rulebook it is certified for."""
    certifications: tuple[Certification, ...] | None = field(
        default=None, converter=optional(tuple[Certification, ...])
    )
    """The same as ``compliance`` for every rulebook that there is, each with its own source and date."""
    trains_on_inputs: bool | None = None
    retention_days: U32 | None = None
    """Days for which the provider keeps what it is sent; 0: not at all."""
    licence: str | None = None
    supports_replay: bool | None = None
    """Whether the same request and seed give the same answer again."""
    requires_network: bool | None = None
    """Whether a call leaves this machine."""
    last_resort: bool | None = None
    """Whether it should lose to everything else that is eligible."""


@frozen(kw_only=True)
class FactSource:
    """Who states a fact, what that refers to, and since when."""

    said_by: str
    """``configuration``, ``measured``, ``adapter``, or ``plugin NAME``."""
    source: str | None = None
    """A URL, a document, a person; ``None``: nobody says."""
    as_of: date | None = None

    def __str__(self) -> str:
        """Say it in a few words."""
        return ", ".join(str(each) for each in (self.said_by, self.as_of, self.source) if each is not None)
