"""What errors do beside saying their text: retryability, equality, pickling, and their place in the tree."""

import copy
import pickle
import re
from collections.abc import Callable

import pytest

import converge_provider.errors
from converge_provider import (
    AuthDenied,
    BackendError,
    BackendErrorKind,
    ChatBackendSelectionConfigError,
    ConfigurationError,
    ContentFiltered,
    ContextLengthExceeded,
    ConvergeError,
    InvalidRequest,
    JobError,
    JobErrorCode,
    LlmError,
    LoopError,
    MissingExtraError,
    ModelNotFound,
    NetworkError,
    PluginError,
    PolicyError,
    ProviderError,
    RateLimited,
    RegistryValueError,
    ResponseFormat,
    ResponseFormatMismatch,
    Timeout,
)
from converge_provider.codec import DocumentError, Problem

EVERY_ERROR: tuple[ConvergeError, ...] = (
    RateLimited(1.5, "slow"),
    RateLimited(0),
    Timeout(10, 5),
    AuthDenied("m"),
    InvalidRequest("m"),
    ModelNotFound("m"),
    ContextLengthExceeded(1, 2),
    ContentFiltered("m"),
    ResponseFormatMismatch(ResponseFormat.JSON, "m"),
    ProviderError("m", "500"),
    ProviderError("m"),
    NetworkError("m"),
    BackendError(BackendErrorKind.TIMEOUT, "m"),
    BackendError(BackendErrorKind.TIMEOUT, "m", retryable=False),
    RegistryValueError("m"),
    ChatBackendSelectionConfigError("K", "v", "e"),
    ConfigurationError("m"),
    DocumentError([Problem("$.a", "is missing"), Problem("$.b", "is missing")]),
    PluginError("m"),
    PolicyError("m"),
    JobError(JobErrorCode.CANCELLED, "m", job="j", sent_bytes=3),
    LoopError("m"),
    MissingExtraError("the command line", "cli"),
)
IDS = [f"{type(error).__name__}-{i}" for i, error in enumerate(EVERY_ERROR)]


def _all_classes(root: type[ConvergeError] = ConvergeError) -> set[type[ConvergeError]]:
    """Give the public classes; a saboteur of the kit may have one of its own."""
    public = (cls for cls in root.__subclasses__() if not cls.__name__.startswith("_"))
    ours = {cls for cls in public if cls.__module__.startswith("converge_provider.")}
    return ours.union(*map(_all_classes, ours))


def _ground_floor_classes() -> set[type[ConvergeError]]:
    floors = ("converge_provider.errors.", "converge_provider.codec.")
    return {cls for cls in _all_classes() if cls.__module__.startswith(floors)}


@pytest.mark.parametrize("error", EVERY_ERROR, ids=IDS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_error_survives_pickling(error: ConvergeError, protocol: int) -> None:
    """An error crosses a process boundary with its text, its fields, its circumstances and its notes."""
    error = copy.copy(error).with_remedy("Do this.")
    error.add_note("seen on a Friday")
    back = pickle.loads(pickle.dumps(error, protocol))

    assert (type(back), str(back), back.args) == (type(error), str(error), error.args)
    assert (back.remedy, back.__notes__) == ("Do this.", ["seen on a Friday"])
    assert vars(back) == vars(error)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=IDS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_error_survives_copying(error: ConvergeError, duplicate: Callable[[ConvergeError], ConvergeError]) -> None:
    """A copy of an error is another object that says the same."""
    back = duplicate(error)

    assert back is not error
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_error_keeps_its_circumstances_when_pickled() -> None:
    """Attributes set after construction, and a hint of 0 that the server really gave, are not lost."""
    error = RateLimited(0).annotate(provider="p", status=429)
    error.retry_after_known = True
    back = pickle.loads(pickle.dumps(error))

    assert (back.provider, back.status, back.retry_after_known) == ("p", 429, True)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=IDS)
def test_error_text_is_one_line(error: ConvergeError) -> None:
    """The text of an error is one line, and its repr names the class."""
    assert len(str(error).splitlines()) == 1
    assert type(error).__name__ in repr(error)


def test_every_error_class_is_tried_here() -> None:
    """No class of the ground floors is missing from these tests."""
    assert {type(error) for error in EVERY_ERROR} == _ground_floor_classes() - {LlmError}


def test_tree_in_the_docstring_equals_the_classes() -> None:
    """The tree that the module draws is the tree there is."""
    drawn = re.findall(r"── (?:(?:codec|jobs)\.)?([A-Z]\w+)", converge_provider.errors.__doc__ or "")

    assert sorted(drawn) == sorted(cls.__name__ for cls in _ground_floor_classes())


def test_slugs_are_unique_and_kebab_case() -> None:
    """Every class has a stable name of its own for the reference."""
    slugs = [cls.slug for cls in _all_classes()]

    assert len(set(slugs)) == len(slugs)
    assert [slug for slug in slugs if not re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)] == []


@pytest.mark.parametrize(
    ("error", "transient", "retryable"),
    [
        (RateLimited(1), True, True),
        (Timeout(1, 1), True, True),
        (NetworkError("m"), True, True),
        (ProviderError("m"), False, True),
        (AuthDenied("m"), False, False),
        (InvalidRequest("m"), False, False),
        (ModelNotFound("m"), False, False),
        (ContextLengthExceeded(1, 2), False, False),
        (ContentFiltered("m"), False, False),
        (ResponseFormatMismatch(ResponseFormat.JSON, "m"), False, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, LlmError) else str(value),
)
def test_llm_error_knows_whether_another_attempt_makes_sense(error: LlmError, transient: bool, retryable: bool) -> None:
    """Three variants are transient; those and the provider's own failures are retryable."""
    assert (error.transient, error.retryable) == (transient, retryable)


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (None, True),
        ("", True),
        ("400", False),
        ("401", False),
        ("404", False),
        ("408", True),
        ("409", True),
        ("418", False),
        ("422", False),
        ("425", True),
        ("429", True),
        ("499", False),
        ("500", True),
        ("503", True),
        ("4000", True),
        ("40", True),
        ("4\u0660\u0660", True),
        ("4xx", True),
        ("overloaded_error", True),
    ],
    ids=repr,
)
def test_provider_error_is_retryable_unless_the_caller_is_at_fault(code: str | None, retryable: bool) -> None:
    """A 4xx code other than 408, 409, 425 and 429 makes it final; any other word does not."""
    assert ProviderError("m", code).retryable is retryable


def test_provider_error_keeps_a_numeric_code_as_text() -> None:
    """A status given as a number reads, compares and decides like the same status as text."""
    error = ProviderError("gone", 404)

    assert (error.code, error.retryable, str(error)) == ("404", False, "provider error: gone (code: 404)")
    assert error == ProviderError("gone", "404")


@pytest.mark.parametrize("kind", BackendErrorKind, ids=str)
@pytest.mark.parametrize("retryable", [True, False], ids=["retryable", "final"])
def test_backend_error_retryability_can_be_given(kind: BackendErrorKind, retryable: bool) -> None:
    """What is given wins over what the kind says."""
    assert BackendError(kind, "m", retryable=retryable).retryable is retryable


def test_backend_error_takes_retryable_by_name_only() -> None:
    """A third position would be read as something else one day."""
    with pytest.raises(TypeError):
        BackendError(BackendErrorKind.NETWORK, "m", False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_llm_errors_are_equal_by_variant_and_fields() -> None:
    """Two errors are equal when variant and contract fields are; circumstances do not count."""
    assert RateLimited(1, "m") == RateLimited(1.0, "m")
    assert RateLimited(1, "m") != RateLimited(2, "m")
    assert AuthDenied("m") != InvalidRequest("m")
    assert AuthDenied("m") == AuthDenied("m").annotate(provider="p")
    assert AuthDenied("m") != "authentication denied: m"
    assert len({AuthDenied("m"), AuthDenied("m").annotate(provider="p"), InvalidRequest("m")}) == 2


def test_backend_errors_are_equal_by_all_three_fields() -> None:
    """Kind, message and retryability count."""
    error = BackendError.network("m")

    assert error == BackendError(BackendErrorKind.NETWORK, "m", retryable=True)
    assert error != BackendError(BackendErrorKind.NETWORK, "m", retryable=False)
    assert error != BackendError.timeout("m")
    assert error != "network: m"
    assert len({error, BackendError.network("m"), BackendError.network("n")}) == 2


def test_rate_limited_alone_carries_a_retry_after() -> None:
    """Without a hint it is 0 and marked unknown; no other variant has one."""
    assert (RateLimited(0).retry_after_known, RateLimited(2.5).retry_after_known) == (False, True)
    assert [error for error in EVERY_ERROR if hasattr(error, "retry_after_s") and type(error) is not RateLimited] == []


def test_error_can_be_raised_with_cause_and_notes() -> None:
    """Nothing about these errors hinders what Python does with errors."""

    def fail() -> None:
        try:
            open("")  # noqa: PTH123, SIM115 - any OSError will do
        except OSError as exc:
            raise NetworkError("cut").annotate(backend="p/m") from exc

    with pytest.raises(NetworkError) as caught:
        fail()

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__traceback__ is not None


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (RegistryValueError("m"), ValueError),
        (ChatBackendSelectionConfigError("K", "v", "e"), ValueError),
        (ConfigurationError("m"), ValueError),
        (DocumentError([Problem("$", "m")]), ConfigurationError),
        (LoopError("m"), RuntimeError),
        (MissingExtraError("x", "cli"), ImportError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ConvergeError) else "",
)
def test_host_errors_are_also_what_python_calls_them(error: ConvergeError, builtin: type[Exception]) -> None:
    """A caller who knows only Python's own classes catches them too."""
    assert isinstance(error, builtin)


def test_missing_extra_says_what_to_run() -> None:
    """The remedy is the command that brings the extra."""
    error = MissingExtraError("the command line", "cli")

    assert str(error) == "the command line needs the extra [cli] of converge-provider, which is not installed"
    assert error.remedy == "Run: pip install 'converge-provider[cli]'"


def test_document_error_says_twenty_problems_and_counts_the_rest() -> None:
    """A document with thousands of problems does not fill the screen; all of them stand in the attribute."""
    error = DocumentError([Problem(f"$[{i}]", "is wrong") for i in range(1000)])

    assert str(error).endswith("$[19]: is wrong; and 980 more")
    assert len(error.problems) == 1000
