"""What is asked of the selection when a call says nothing: the table ``[selection]``, or the environment instead."""

from converge_provider.codec.problems import DocumentError, Problem, refusal
from converge_provider.configuration.variables import STATEMENTS, selection_variable
from converge_provider.errors import ChatBackendSelectionConfigError
from converge_provider.values.classes import frozen
from converge_provider.values.scalars import U64
from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("SelectionTable",)


@frozen(kw_only=True)
class SelectionTable:
    """The table ``[selection]``: the variables ``CONVERGE_LLM_*`` in small letters, with the same words as values."""

    profile: str | None = None
    """What the others are taken from: ``interactive``, ``high_volume``, ``analysis`` or ``batch``."""
    jurisdiction: str | None = None
    latency: str | None = None
    cost: str | None = None
    complexity: str | None = None
    compliance: str | None = None
    tool_use: bool | None = None
    vision: bool | None = None
    structured_output: bool | None = None
    code: bool | None = None
    multilingual: bool | None = None
    web_search: bool | None = None
    content_generation: bool | None = None
    business_acumen: bool | None = None
    context_tokens: U64 | None = None
    user_country: str | None = None
    """Counts only together with ``user_region``."""
    user_region: str | None = None
    force_provider: str | None = None

    def to_config(self) -> ChatBackendSelectionConfig:
        """
        Give what the table asks for.

        Raises:
            DocumentError: A word is not one of those expected.

        """
        if (self.user_country is None) is not (self.user_region is None):
            message = "user_country and user_region count only together; one of them is missing"
            raise refusal(message)
        stated = {name: getattr(self, name) for name in STATEMENTS}
        variables = {selection_variable(name): _word(value) for name, value in stated.items() if value is not None}
        try:
            return ChatBackendSelectionConfig.from_env(variables)
        except ChatBackendSelectionConfigError as exc:
            name = next(name for name in stated if selection_variable(name) == exc.key)
            problem = Problem(f"$.{name}", f"expected {exc.expected}, got {exc.value!r}")
            raise DocumentError([problem]) from exc


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
