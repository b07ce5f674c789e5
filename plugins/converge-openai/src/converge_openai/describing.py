"""A model's facts → what selection and the wire want to know of it."""

from decimal import Decimal

from attrs import evolve

from converge_openai.facts import ModelFacts
from converge_openai.services import Place, Service
from converge_openai.wire.dialect import FEATURES, Dialect
from converge_provider import (
    CAPABILITY_FLAGS,
    BackendDescriptor,
    Capability,
    Certification,
    ChatBackendCapabilities,
    Claims,
    DataSovereignty,
    Prices,
)
from converge_provider.http import host_of, is_loopback

__all__ = ("describe", "dialect_of")

_NOTHING = Decimal(0)
_SENSES = {"documents": Capability.other("DocumentUnderstanding"), "audio": Capability.other("AudioUnderstanding")}
_ABLE = {Capability.TEXT_GENERATION: True, Capability.STREAMING: True, Capability.other("OpenAiRelay"): True}
_ABLE_TWICE = {**_ABLE, Capability.other("AnthropicRelay"): True}
"""The same at services that take Anthropic's Messages, too."""
_REGIONS = {
    "EU": DataSovereignty.EU,
    "US": DataSovereignty.US,
    "CH": DataSovereignty.SWITZERLAND,
    "CN": DataSovereignty.CHINA,
}


def dialect_of(service: Service, model: str, facts: ModelFacts) -> Dialect:
    """Say how a model of a service wants the wire spoken."""
    return Dialect(
        model=model,
        honours=_honours(service, facts),
        max_tokens_field=service.max_tokens_field,
        seed_field=service.seed_field,
        formats=frozenset(service.formats),
        tool_choices=frozenset(service.tool_choices),
        required_choice=service.required_choice,
        short_call_ids=service.short_call_ids,
        empty_content=service.empty_content,
        takes_tools=service.takes_tools,
        media=_media(service, facts),
        efforts=frozenset(facts.efforts) or None,
        tools_effort=facts.tools_effort,
        effort_field=service.effort_field,
        effort_forms=service.efforts or None,
        reasoning_back=service.reasoning_back,
        think_tags=service.think_tags if facts.think_tags is None else facts.think_tags,
        stream_options=service.stream_options,
    )


def _honours(service: Service, facts: ModelFacts) -> frozenset[str]:
    """Give the optional fields of a request that a model of a service honours."""
    refused = {*service.refuses, *facts.refuses}
    if "json_schema" not in service.formats:
        refused.add("response_schema")
    if not service.takes_tools:
        refused |= {"tool_choice", "parallel_tool_calls"}
    return frozenset(FEATURES).difference(refused)


def _media(service: Service, facts: ModelFacts) -> frozenset[str]:
    """Give what a model takes beside text: what the service carries, without what the model is known not to read."""
    blind = {"images", "image_urls"} if facts.vision is False else set[str]()
    deaf = {sense for sense in _SENSES if getattr(facts, sense) is False}
    return frozenset(service.media) - blind - deaf


def describe(service: Service, model: str, facts: ModelFacts, url: str | None) -> BackendDescriptor:
    """
    Describe one model of a service.

    Args:
        service: The service.
        model: The model's name there.
        facts: What is known of it.
        url: Where the service is configured to answer; ``None``: nobody has said.

    """
    host = host_of(url or "")
    if service.enforces_schemas and facts.structured_output is None:
        facts = evolve(facts, structured_output=True)
    if not service.takes_tools:
        facts = evolve(facts, tool_use=False)
    prices = _prices(service, facts)
    cost_class = facts.cost_class or (None if prices is None else prices.cost_class())
    places = _places(service, host)
    made = BackendDescriptor.unstated(
        service.name,
        model,
        cost_class=cost_class,
        typical_latency_ms=facts.typical_latency_ms,
        quality=facts.quality,
        capabilities=ChatBackendCapabilities(
            context_tokens=facts.context_tokens, **{flag: bool(getattr(facts, flag)) for flag in CAPABILITY_FLAGS}
        ),
        claims=_claims(service, facts, host),
        unknown=frozenset(flag for flag in CAPABILITY_FLAGS if getattr(facts, flag) is None),
    )
    return evolve(made, data_sovereignty=next(iter(places), DataSovereignty.ANY))


def _is_own_host(service: Service, host: str) -> bool:
    """Say whether the vendor itself answers there, so that what is known of the vendor holds."""
    ends = (*service.hosts, *(name for name in service.places if name.startswith(".")))
    return bool(host) and (host == host_of(service.base_url) or host in service.places or host.endswith(ends))


def _place(service: Service, host: str) -> Place:
    """Give where a host computes, as far as the vendor promises it."""
    if host in service.places:
        return service.places[host]
    return next((place for name, place in service.places.items() if name[0] == "." and host.endswith(name)), Place())


def _prices(service: Service, facts: ModelFacts) -> Prices | None:
    if facts.prices is None and service.is_free:
        return Prices(input_usd_per_mtok=_NOTHING, output_usd_per_mtok=_NOTHING)
    return facts.prices


def _places(service: Service, host: str) -> frozenset[DataSovereignty]:
    """Give whose rules on residency hold where a host computes."""
    if is_loopback(host):
        return frozenset({DataSovereignty.ON_PREMISES})
    place = _place(service, host)
    found = _REGIONS.get(place.region or "") or _REGIONS.get(place.country or "")
    return frozenset({found}) if found else frozenset()


def _claims(service: Service, facts: ModelFacts, host: str) -> Claims:
    vendor = service if _is_own_host(service, host) else None
    place = _place(service, host)
    senses = {_SENSES[sense]: getattr(facts, sense) if sense in service.media else False for sense in _SENSES}
    stated = facts if facts.source else vendor
    return Claims(
        source=None if stated is None else stated.source,
        as_of=None if stated is None else stated.as_of,
        capabilities=(_ABLE_TWICE if service.messages_path else _ABLE)
        | {sense: known for sense, known in senses.items() if known is not None},
        honours=_honours(service, facts),
        max_output_tokens=facts.max_output_tokens,
        input_modalities=_modalities(service, facts),
        prices=_prices(service, facts),
        service=None if vendor is None else service.name,
        country=None if vendor is None else vendor.country,
        region=None if vendor is None else vendor.region,
        processing_countries=frozenset({place.country}) if place.country else None,
        processing_regions=frozenset({place.region}) if place.region else None,
        certifications=_certifications(vendor),
        data_sovereignty=_places(service, host) or None,
        trains_on_inputs=None if vendor is None else vendor.trains_on_inputs,
        retention_days=None if vendor is None else vendor.retention_days,
        supports_replay=None if service.needs_address else False,  # an engine of one's own may be able to
        requires_network=not is_loopback(host) if host else None,
    )


def _modalities(service: Service, facts: ModelFacts) -> frozenset[str] | None:
    """Give what a model takes, when everything about it is known."""
    known = {"image": facts.vision, "document": facts.documents, "audio": facts.audio}
    carried = {"image": "images", "document": "documents", "audio": "audio"}
    taken = {name: able if carried[name] in service.media else False for name, able in known.items()}
    if None in taken.values():
        return None
    return frozenset({"text", *(name for name, able in taken.items() if able)})


def _certifications(vendor: Service | None) -> tuple[Certification, ...] | None:
    if vendor is None or not vendor.certifications:
        return None
    return tuple(Certification(name=one.name, source=one.source, as_of=one.as_of) for one in vendor.certifications)
