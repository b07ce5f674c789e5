"""
The errors of this project: one tree, plain data, one clear line each.

::

    ConvergeError
    ├── LlmError                          a chat call failed: the contract's closed family
    │   ├── RateLimited                   transient
    │   ├── Timeout                       transient
    │   ├── AuthDenied
    │   ├── InvalidRequest
    │   ├── ModelNotFound
    │   ├── ContextLengthExceeded
    │   ├── ContentFiltered
    │   ├── ResponseFormatMismatch
    │   ├── ProviderError                 retryable unless its code is a 4xx that is not
    │   └── NetworkError                  transient
    ├── BackendError                      a call of any other kind of backend failed
    ├── RegistryValueError                a value that no registry may hold
    ├── ChatBackendSelectionConfigError   a CONVERGE_LLM_* variable makes no sense
    ├── ConfigurationError                a file, an option or an argument makes no sense
    │   └── codec.DocumentError           a document does not have the shape it should
    ├── PluginError                       a plugin could not be loaded, or misbehaved
    ├── PolicyError                       a policy is missing, or gave useless scores
    ├── jobs.JobError                     a relayed job was not done
    ├── LoopError                         an engine was used from a second event loop
    └── MissingExtraError                 a part of the library is not installed

The texts of the contract's families are the contract's, to the letter; what else is known stands in attributes
(``provider``, ``status``, ``remedy``, …), never in a text.
"""

from converge_provider.errors.backend import BackendError, BackendErrorKind
from converge_provider.errors.base import ConvergeError, clean_duration, format_duration
from converge_provider.errors.host import (
    ChatBackendSelectionConfigError,
    ConfigurationError,
    LoopError,
    MissingExtraError,
    PluginError,
    PolicyError,
    RegistryValueError,
)
from converge_provider.errors.llm import (
    AuthDenied,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
    ResponseFormatMismatch,
    Timeout,
)

__all__ = (
    "AuthDenied",
    "BackendError",
    "BackendErrorKind",
    "ChatBackendSelectionConfigError",
    "ConfigurationError",
    "ContentFiltered",
    "ContextLengthExceeded",
    "ConvergeError",
    "InvalidRequest",
    "LlmError",
    "LoopError",
    "MissingExtraError",
    "ModelNotFound",
    "NetworkError",
    "PluginError",
    "PolicyError",
    "ProviderError",
    "RateLimited",
    "RegistryValueError",
    "ResponseFormatMismatch",
    "Timeout",
    "clean_duration",
    "format_duration",
)
