"""Saboteurs that ask the service something else than they were asked."""

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from converge_provider.errors import InvalidRequest
from converge_provider.testing.conformance.reference import modest_subject
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, broken, wrapping
from converge_provider.values.messages import ChatMessage
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, ReasoningPart
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest, ResponseFormat, ToolChoice

__all__ = ("ASKING",)


def _drops(check: str, name: str, empty: object = None) -> Saboteur:
    changes: dict[str, Any] = {name: empty}

    def ask(request: ChatRequest) -> ChatRequest:
        return evolve(request, **changes)

    return broken(check, f"drops {name}", ask=ask)


def _drops_zero(check: str, name: str) -> Saboteur:
    def ask(request: ChatRequest) -> ChatRequest:
        changes: dict[str, Any] = {name: getattr(request, name) or None}
        return evolve(request, **changes)

    return broken(check, f"takes a {name} of 0 for none", ask=ask)


def _drops_part(check: str, kind: type[Any]) -> Saboteur:
    def message(one: ChatMessage) -> ChatMessage:
        return evolve(one, parts=[part for part in one.parts if not isinstance(part, kind)])

    return broken(check, f"drops a {kind.__name__}", ask=_each_message(message))


def _each_message(alter: Callable[[ChatMessage], ChatMessage]) -> Callable[[ChatRequest], ChatRequest]:
    return lambda request: evolve(request, messages=[alter(message) for message in request.messages])


def _drops_choice(check: str, mode: str, instead: ToolChoice | None = None) -> Saboteur:
    def ask(request: ChatRequest) -> ChatRequest:
        choice = request.tool_choice
        return evolve(request, tool_choice=instead) if choice is not None and choice.mode == mode else request

    return broken(check, f"sends {instead.mode if instead else 'nothing'} for the choice {mode}", ask=ask)


def _takes_strangers(request: ChatRequest) -> ChatRequest:
    known = {None, *(tool.name for tool in request.tools)}
    strange = request.tool_choice is not None and request.tool_choice.name not in known
    return evolve(request, tool_choice=ToolChoice.REQUIRED) if strange else request


def _drops_format(wanted: ResponseFormat) -> Saboteur:
    def ask(request: ChatRequest) -> ChatRequest:
        return evolve(request, response_format=ResponseFormat.TEXT) if request.response_format is wanted else request

    return broken(f"format.{wanted}", f"takes {wanted} for text", ask=ask)


def _toml_for_yaml(request: ChatRequest) -> ChatRequest:
    yaml = request.response_format is ResponseFormat.YAML
    return evolve(request, response_format=ResponseFormat.TOML) if yaml else request


def _no_effort(request: ChatRequest) -> ChatRequest:
    if request.reasoning_effort is not None:
        message = "no effort at all"
        raise InvalidRequest(message)
    return request


class _Late(Broken):
    """Refuses only when the service has seen the request."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Ask for the text alone, and complain afterwards."""
        try:
            return await super().chat(request)
        except InvalidRequest:
            await super().chat(_text_alone(request))
            raise


def _untyped(message: ChatMessage) -> ChatMessage:
    parts = [
        evolve(part, media_type="application/octet-stream") if isinstance(part, DocumentPart) else part
        for part in message.parts
    ]
    return evolve(message, parts=parts)


def _text_alone(request: ChatRequest) -> ChatRequest:
    return ChatRequest(messages=[ChatMessage.user(message.content) for message in request.messages])


def _unsigned(message: ChatMessage) -> ChatMessage:
    parts = [evolve(part, signature=None) if isinstance(part, ReasoningPart) else part for part in message.parts]
    return evolve(message, parts=parts)


ASKING: Final = (
    _drops("chat.system", "system"),
    broken("chat.plain", "asks something else", ask=lambda one: evolve(one, messages=[ChatMessage.user("another")])),
    broken("chat.multi-turn", "turns the order", ask=lambda one: evolve(one, messages=one.messages[::-1])),
    broken("chat.multi-turn", "sends the last message alone", ask=lambda one: evolve(one, messages=one.messages[-1:])),
    _drops("chat.stop-sequences", "stop_sequences", ()),
    _drops("chat.max-tokens", "max_tokens"),
    _drops("chat.temperature", "temperature"),
    _drops_zero("chat.temperature", "temperature"),
    _drops("chat.top-p", "top_p"),
    _drops("chat.seed", "seed"),
    _drops_zero("chat.seed", "seed"),
    _drops("chat.reasoning-effort", "reasoning_effort"),
    broken("chat.reasoning-effort", "refuses all", ask=_no_effort),
    _drops("chat.cache-hints", "cache_hints", ()),
    _drops("chat.extra", "extra", {}),
    broken("chat.metadata-stays", "sends the labels", ask=lambda one: evolve(one, extra={"labels": one.metadata})),
    wrapping("chat.unhonoured-refused", "refuses too late", _Late, of=modest_subject),
    broken("chat.unhonoured-refused", "loses what it cannot do", ask=_text_alone, of=modest_subject),
    broken(
        "tools.offered",
        "drops descriptions",
        ask=lambda one: evolve(one, tools=[evolve(tool, description="") for tool in one.tools]),
    ),
    broken(
        "tools.results",
        "sends results under no id",
        ask=_each_message(lambda one: evolve(one, tool_call_id=one.tool_call_id and "another")),
    ),
    _drops_choice("tools.choice-required", "required"),
    _drops_choice("tools.choice-none", "none"),
    _drops_choice("tools.choice-named", "named", ToolChoice.REQUIRED),
    broken("tools.choice-of-a-stranger", "demands any tool instead", ask=_takes_strangers),
    wrapping("tools.choice-of-a-stranger", "refuses too late", _Late),
    _drops("tools.one-at-a-time", "parallel_tool_calls"),
    *(_drops_format(one) for one in ResponseFormat if one is not ResponseFormat.TEXT),
    broken("format.yaml", "demands something else", ask=_toml_for_yaml),
    _drops("format.schema", "response_schema"),
    _drops_part("media.image", ImagePart),
    _drops_part("media.document", DocumentPart),
    broken("media.document", "drops the type", ask=_each_message(_untyped)),
    _drops_part("media.audio", AudioPart),
    broken("reasoning.given-back", "drops signatures", ask=_each_message(_unsigned)),
)
"""One or more for each check that looks at what arrives."""
