"""Write down what real servers say, for the adapters' own tests: ``tox -e record``, or with names of recordings."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from attrs import evolve
from live_environments import HOME
from live_servers import Server, litellm_before, llama_cpp_python, llamacpp, vllm
from live_subjects import PLANS

from converge_provider import ChatRequest, LlmError, Secret, ToolChoice, ToolDefinition, codec
from converge_provider.http import HttpChatBackend
from converge_provider.testing.conformance import CHECKS, Subject, run_check
from converge_provider.testing.recording import Recorder

FOLDER = Path(__file__).parents[2] / "plugins" / "converge-openai" / "tests" / "recorded"
NAMES = ("chat", "stream", "tools", "tool-named", "tool-results", "json", "schema", "health", "list-models")
BRIEF = {f"live.{name}" for name in NAMES}
"""The kit's checks whose exchanges are recorded at a proxy."""
FURTHER = ("system", "multi-turn", "unicode", "stop-sequences", "max-tokens", "usage")
CHECKED = BRIEF | {f"live.{name}" for name in FURTHER}
"""The same at engines; none of them is long."""
LABELS = {"litellm_vllm": BRIEF, "litellm_lcp": BRIEF}
WEATHER = ToolDefinition(
    name="weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
STRANGER = Secret("sk-stranger-0123456789")
EXTRAS: Mapping[str, ChatRequest] = {
    "wrong key": evolve(ChatRequest.of("Do you know me?"), max_tokens=8),
    "unknown model": evolve(ChatRequest.of("Are you there?"), max_tokens=8),
    "streamed call": evolve(
        ChatRequest.of("What is the weather in Oslo?"),
        tools=[WEATHER],
        tool_choice=ToolChoice.named("weather"),
        max_tokens=48,
    ),
    "too long": evolve(ChatRequest.of("a " * 2100), max_tokens=8),
}
"""What no check of the kit asks for, or not so briefly."""


async def ask(name: str, server: Server, recorder: Recorder) -> Mapping[str, str]:
    """Ask everything, and give what became of the kit's checks."""
    outcomes: dict[str, str] = {}
    plan = PLANS[name]
    subject = plan.subject(server, url=recorder.url)
    for check in CHECKS:
        if check.id in LABELS.get(name, CHECKED):
            recorder.label = check.id
            outcomes[check.id] = str((await run_check(check, subject)).outcome)
    stranger, elsewhere = evolve(server, key=STRANGER), evolve(plan, model="no-such-model")
    await _ask_once(recorder, "wrong key", plan.subject(stranger, url=recorder.url))
    await _ask_once(recorder, "unknown model", elsewhere.subject(server, url=recorder.url))
    await _ask_once(recorder, "streamed call", subject)
    if name == "vllm":  # whose words were misread once
        await _ask_once(recorder, "too long", subject)
    return outcomes


async def _ask_once(recorder: Recorder, label: str, subject: Subject) -> None:
    recorder.label = label
    assert subject.live is not None
    backend = subject.live()
    assert isinstance(backend, HttpChatBackend)
    try:
        with suppress(LlmError):  # a refusal is an answer too
            if label == "streamed call":
                async for _ in backend.stream(EXTRAS[label]):
                    pass
            else:
                await backend.chat(EXTRAS[label])
    finally:
        await backend.aclose()


def record(name: str, server: Server, private: Sequence[Secret]) -> None:
    """Record one plan at its server, without the keys and the folders of this machine."""
    with Recorder(server.url, secrets=private) as recorder:
        outcomes = anyio.run(ask, name, server, recorder)
        about = {**PLANS[name].about, "outcomes": outcomes}
        recording = recorder.recording(server=server.told, about=about)
    asked = {one.label for one in recording.exchanges}
    requests = {label: codec.dump(request) for label, request in EXTRAS.items() if label in asked}
    recording = evolve(recording, about={**about, "requests": requests})
    path = FOLDER / f"{name}.json"
    recording.save(path)
    print(f"{path.name}: {len(recording.exchanges)} exchanges, {path.stat().st_size} bytes; {outcomes}")


def main(names: Sequence[str]) -> None:
    """Start all servers, and record what is named."""
    with llamacpp() as plain, llama_cpp_python() as lcp, vllm() as engine, litellm_before(engine, lcp) as proxy:
        servers = {
            "llamacpp": plain,
            "llama_cpp_python": lcp,
            "vllm": engine,
            "litellm_vllm": proxy.before(engine),
            "litellm_lcp": proxy.before(lcp),
        }
        private = [STRANGER, Secret(str(HOME)), *(server.key for server in servers.values())]
        for name in names:
            record(name, servers[name], private)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PLANS))
