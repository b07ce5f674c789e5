"""
Say what you need from a language model; the best allowed backend is found, called, and explained.

This is the front door: every public name is imported from here, and importing it costs only what is used, since each
name is fetched from its module at first use.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # each name as itself: that is how type checkers know what is re-exported
    from converge_provider import (
        codec as codec,
        http as http,
        testing as testing,
    )
    from converge_provider.configuration import (
        Configuration as Configuration,
        load_configuration as load_configuration,
        user_paths as user_paths,
    )
    from converge_provider.contract.backends import (
        Backend as Backend,
        BackendSelector as BackendSelector,
        ChatBackend as ChatBackend,
        Health as Health,
        ModelSelector as ModelSelector,
        ProviderType as ProviderType,
        StreamingChatBackend as StreamingChatBackend,
    )
    from converge_provider.contract.hookspecs import Registrar as Registrar
    from converge_provider.contract.jobs import (
        JobBackend as JobBackend,
        JobSink as JobSink,
    )
    from converge_provider.contract.local_engines import (
        LocalEngine as LocalEngine,
        LocalPlace as LocalPlace,
        LocalProviderType as LocalProviderType,
    )
    from converge_provider.contract.markers import (
        CONVERGE_API as CONVERGE_API,
        hookimpl as hookimpl,
    )
    from converge_provider.contract.observers import Observer as Observer
    from converge_provider.contract.policies import (
        CandidateView as CandidateView,
        EnabledPolicy as EnabledPolicy,
        LearningPolicy as LearningPolicy,
        NoOptions as NoOptions,
        Policy as Policy,
        PolicyChoice as PolicyChoice,
        Scores as Scores,
        policy as policy,
    )
    from converge_provider.contract.registered import (
        RegisteredChatBackend as RegisteredChatBackend,
        ResolvedChatBackend as ResolvedChatBackend,
    )
    from converge_provider.engine import (
        Attempt as Attempt,
        Engine as Engine,
        Outcome as Outcome,
        Reply as Reply,
    )
    from converge_provider.engine.local_engines import (
        FoundEngine as FoundEngine,
        LocalSearch as LocalSearch,
        find_local_engines as find_local_engines,
    )
    from converge_provider.engine.notices import (
        AttemptFinished as AttemptFinished,
        AttemptStarted as AttemptStarted,
        BackendParked as BackendParked,
        BreakerChanged as BreakerChanged,
        BreakerState as BreakerState,
        BudgetRefused as BudgetRefused,
        DecisionMade as DecisionMade,
        EngineEvent as EngineEvent,
        RequestFinished as RequestFinished,
        RequestHedged as RequestHedged,
        RequestRetried as RequestRetried,
        RequestSwitched as RequestSwitched,
    )
    from converge_provider.engine.relay import (
        JobReply as JobReply,
        Relay as Relay,
    )
    from converge_provider.engine.settings import (
        BreakerSettings as BreakerSettings,
        BudgetSettings as BudgetSettings,
        HedgingSettings as HedgingSettings,
        LimitSettings as LimitSettings,
        MeasuringSettings as MeasuringSettings,
        ParkingSettings as ParkingSettings,
        Resilience as Resilience,
        RetrySettings as RetrySettings,
        StreamSettings as StreamSettings,
        TimeoutSettings as TimeoutSettings,
    )
    from converge_provider.engine.state import (
        Bench as Bench,
        Circuit as Circuit,
        Hold as Hold,
        MemoryStore as MemoryStore,
        Remembered as Remembered,
        Shortage as Shortage,
        StateStore as StateStore,
    )
    from converge_provider.engine.sync import SyncEngine as SyncEngine
    from converge_provider.errors import (
        AuthDenied as AuthDenied,
        BackendError as BackendError,
        BackendErrorKind as BackendErrorKind,
        ChatBackendSelectionConfigError as ChatBackendSelectionConfigError,
        ConfigurationError as ConfigurationError,
        ContentFiltered as ContentFiltered,
        ContextLengthExceeded as ContextLengthExceeded,
        ConvergeError as ConvergeError,
        InvalidRequest as InvalidRequest,
        LlmError as LlmError,
        LoopError as LoopError,
        MissingExtraError as MissingExtraError,
        ModelNotFound as ModelNotFound,
        NetworkError as NetworkError,
        PluginError as PluginError,
        PolicyError as PolicyError,
        ProviderError as ProviderError,
        RateLimited as RateLimited,
        RegistryValueError as RegistryValueError,
        ResponseFormatMismatch as ResponseFormatMismatch,
        Timeout as Timeout,
    )
    from converge_provider.errors.jobs import (
        JobError as JobError,
        JobErrorCode as JobErrorCode,
    )
    from converge_provider.registry import (
        Catalogue as Catalogue,
        CatalogueEntry as CatalogueEntry,
        PluginRegistry as PluginRegistry,
    )
    from converge_provider.selection import (
        FITNESS as FITNESS,
        Decision as Decision,
    )
    from converge_provider.selection.assign import assign as assign
    from converge_provider.selection.chat_registry import ChatBackendRegistry as ChatBackendRegistry
    from converge_provider.selection.roles import (
        Disposition as Disposition,
        Role as Role,
        RoleCandidate as RoleCandidate,
        RoleDecision as RoleDecision,
        assign_roles as assign_roles,
    )
    from converge_provider.values.assignment import (
        CapabilityAssignment as CapabilityAssignment,
        ProviderAssignment as ProviderAssignment,
        ProviderRequest as ProviderRequest,
    )
    from converge_provider.values.claims import (
        Certification as Certification,
        Claims as Claims,
        TaskQuality as TaskQuality,
    )
    from converge_provider.values.constraints import (
        Constraints as Constraints,
        DataClassification as DataClassification,
        RiskTier as RiskTier,
        RoutingPolicy as RoutingPolicy,
    )
    from converge_provider.values.conversation import Conversation as Conversation
    from converge_provider.values.criteria import (
        RequiredCapabilities as RequiredCapabilities,
        SelectionCriteria as SelectionCriteria,
    )
    from converge_provider.values.descriptors import (
        CAPABILITY_FLAGS as CAPABILITY_FLAGS,
        BackendDescriptor as BackendDescriptor,
        ChatBackendCapabilities as ChatBackendCapabilities,
        ChatBackendDescriptor as ChatBackendDescriptor,
    )
    from converge_provider.values.events import (
        BackendSwitched as BackendSwitched,
        Citation as Citation,
        Finished as Finished,
        ReasoningBlock as ReasoningBlock,
        ReasoningDelta as ReasoningDelta,
        StreamEvent as StreamEvent,
        TextDelta as TextDelta,
        ToolCallDelta as ToolCallDelta,
        ToolCallFinished as ToolCallFinished,
        ToolCallMalformed as ToolCallMalformed,
        ToolCallStarted as ToolCallStarted,
        UsageReported as UsageReported,
    )
    from converge_provider.values.experience import Experience as Experience
    from converge_provider.values.hashing import hashed_share as hashed_share
    from converge_provider.values.identity import (
        BackendKind as BackendKind,
        Capability as Capability,
    )
    from converge_provider.values.jobs import (
        Job as Job,
        JobResult as JobResult,
        WireFormat as WireFormat,
    )
    from converge_provider.values.measured import (
        LatencyRule as LatencyRule,
        Measured as Measured,
        StateView as StateView,
    )
    from converge_provider.values.messages import (
        ChatMessage as ChatMessage,
        ChatRole as ChatRole,
        JsonObject as JsonObject,
        JsonValue as JsonValue,
        ToolCall as ToolCall,
        ToolDefinition as ToolDefinition,
    )
    from converge_provider.values.money import (
        Cost as Cost,
        PriceHours as PriceHours,
        Prices as Prices,
        PriceTier as PriceTier,
        Rates as Rates,
    )
    from converge_provider.values.parts import (
        AudioPart as AudioPart,
        DocumentPart as DocumentPart,
        ImagePart as ImagePart,
        Part as Part,
        ReasoningPart as ReasoningPart,
        TextPart as TextPart,
    )
    from converge_provider.values.replies import (
        ChatResponse as ChatResponse,
        FinishReason as FinishReason,
    )
    from converge_provider.values.requests import (
        CacheHint as CacheHint,
        CacheLifetime as CacheLifetime,
        ChatRequest as ChatRequest,
        ReasoningEffort as ReasoningEffort,
        ResponseFormat as ResponseFormat,
        ToolChoice as ToolChoice,
    )
    from converge_provider.values.requirements import (
        AgentRequirements as AgentRequirements,
        BackendRequirements as BackendRequirements,
    )
    from converge_provider.values.scalars import (
        ContextWindowTokens as ContextWindowTokens,
        LatencyMillis as LatencyMillis,
        ModelName as ModelName,
        ProviderName as ProviderName,
        QualityScore as QualityScore,
    )
    from converge_provider.values.secret import (
        Secret as Secret,
        from_environ as from_environ,
    )
    from converge_provider.values.selection_config import ChatBackendSelectionConfig as ChatBackendSelectionConfig
    from converge_provider.values.usage import (
        TokenUsage as TokenUsage,
        UsageDetail as UsageDetail,
    )
    from converge_provider.values.vocabulary import (
        ComplianceLevel as ComplianceLevel,
        CostClass as CostClass,
        CostTier as CostTier,
        DataSovereignty as DataSovereignty,
        Jurisdiction as Jurisdiction,
        LatencyClass as LatencyClass,
        TaskComplexity as TaskComplexity,
    )

_HOMES = {
    "configuration": "Configuration load_configuration user_paths",
    "contract.backends": "Backend BackendSelector ChatBackend Health ModelSelector ProviderType StreamingChatBackend",
    "contract.hookspecs": "Registrar",
    "contract.jobs": "JobBackend JobSink",
    "contract.local_engines": "LocalEngine LocalPlace LocalProviderType",
    "contract.markers": "CONVERGE_API hookimpl",
    "contract.observers": "Observer",
    "contract.policies": "CandidateView EnabledPolicy LearningPolicy NoOptions Policy PolicyChoice Scores policy",
    "contract.registered": "RegisteredChatBackend ResolvedChatBackend",
    "engine": "Attempt Engine Outcome Reply",
    "engine.local_engines": "FoundEngine LocalSearch find_local_engines",
    "engine.notices": (
        "AttemptFinished AttemptStarted BackendParked BreakerChanged BreakerState BudgetRefused DecisionMade "
        "EngineEvent RequestFinished RequestHedged RequestRetried RequestSwitched"
    ),
    "engine.relay": "JobReply Relay",
    "engine.settings": (
        "BreakerSettings BudgetSettings HedgingSettings LimitSettings MeasuringSettings ParkingSettings Resilience "
        "RetrySettings StreamSettings TimeoutSettings"
    ),
    "engine.state": "Bench Circuit Hold MemoryStore Remembered Shortage StateStore",
    "engine.sync": "SyncEngine",
    "errors": (
        "AuthDenied BackendError BackendErrorKind ChatBackendSelectionConfigError ConfigurationError ContentFiltered "
        "ContextLengthExceeded ConvergeError InvalidRequest LlmError LoopError MissingExtraError ModelNotFound "
        "NetworkError PluginError PolicyError ProviderError RateLimited RegistryValueError ResponseFormatMismatch "
        "Timeout"
    ),
    "errors.jobs": "JobError JobErrorCode",
    "registry": "Catalogue CatalogueEntry PluginRegistry",
    "selection": "FITNESS Decision",
    "selection.assign": "assign",
    "selection.chat_registry": "ChatBackendRegistry",
    "selection.roles": "Disposition Role RoleCandidate RoleDecision assign_roles",
    "values.assignment": "CapabilityAssignment ProviderAssignment ProviderRequest",
    "values.claims": "Certification Claims TaskQuality",
    "values.constraints": "Constraints DataClassification RiskTier RoutingPolicy",
    "values.conversation": "Conversation",
    "values.criteria": "RequiredCapabilities SelectionCriteria",
    "values.descriptors": "CAPABILITY_FLAGS BackendDescriptor ChatBackendCapabilities ChatBackendDescriptor",
    "values.events": (
        "BackendSwitched Citation Finished ReasoningBlock ReasoningDelta StreamEvent TextDelta ToolCallDelta "
        "ToolCallFinished ToolCallMalformed ToolCallStarted UsageReported"
    ),
    "values.experience": "Experience",
    "values.hashing": "hashed_share",
    "values.identity": "BackendKind Capability",
    "values.jobs": "Job JobResult WireFormat",
    "values.measured": "LatencyRule Measured StateView",
    "values.messages": "ChatMessage ChatRole JsonObject JsonValue ToolCall ToolDefinition",
    "values.money": "Cost PriceHours PriceTier Prices Rates",
    "values.parts": "AudioPart DocumentPart ImagePart Part ReasoningPart TextPart",
    "values.replies": "ChatResponse FinishReason",
    "values.requests": "CacheHint CacheLifetime ChatRequest ReasoningEffort ResponseFormat ToolChoice",
    "values.requirements": "AgentRequirements BackendRequirements",
    "values.scalars": "ContextWindowTokens LatencyMillis ModelName ProviderName QualityScore",
    "values.secret": "Secret from_environ",
    "values.selection_config": "ChatBackendSelectionConfig",
    "values.usage": "TokenUsage UsageDetail",
    "values.vocabulary": (
        "ComplianceLevel CostClass CostTier DataSovereignty Jurisdiction LatencyClass TaskComplexity"
    ),
}
_MODULES = ("codec", "http", "testing")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = (  # pyright: ignore[reportUnsupportedDunderAll]  # fetched on demand
    *sorted(_HOME_OF),
    *_MODULES,
)


if not TYPE_CHECKING:  # or every misspelt name would be a good one to type checkers

    def __getattr__(name: str) -> object:
        """Fetch a public name from its module at first use."""
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        home = _HOME_OF.get(name)
        if home is None:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Name what can be imported from here."""
    return sorted({*globals(), *__all__})
