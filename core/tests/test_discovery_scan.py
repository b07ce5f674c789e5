"""Reading what is installed: once, without importing anything, and the same whatever the order."""

import os
import sys
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from pathlib import Path

import importlib_metadata
import pluggy
import pytest
from hypothesis import given, settings, strategies as st
from packaging.requirements import Requirement

from converge_provider import PluginRegistry
from converge_provider.registry.scan import scan
from converge_provider.registry.versions import within
from converge_provider.testing import FakeDistribution, FakeSite


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[FakeSite]:
    with FakeSite(tmp_path) as site:
        yield site


def plugin(name: str, *, version: str = "1.0.0") -> FakeDistribution:
    """Give a plugin whose code is never run here."""
    return FakeDistribution.plugin(name, "raise AssertionError", version=version)


def test_scan_reads_sys_path_once_per_process(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of what is installed is read once; a second look costs a few calls of the file system."""
    site.install(plugin("once"))
    first = scan()
    calls: list[str] = []

    def counting() -> list[importlib_metadata.Distribution]:
        calls.append("scanned")
        return []

    monkeypatch.setattr(importlib_metadata, "distributions", counting)

    assert scan() is first
    assert calls == []
    assert "once" in [one.name for one in first.announcements]


def test_scan_notices_what_is_installed_later(site: FakeSite) -> None:
    """A distribution that is installed while the program runs is found at the next look."""
    scan()
    site.install(plugin("late"))

    assert "late" in [one.name for one in scan().announcements]


def test_scan_finds_the_version_of_core() -> None:
    """The version that plugins declare a range for is that of the installed core."""
    assert scan().core_version == importlib_metadata.version("converge-provider")


def test_scan_takes_distributions_of_the_standard_library(site: FakeSite) -> None:
    """Distributions as importlib.metadata of the standard library gives them are read just so."""
    site.install(plugin("plain", version="3.1"))
    found = [PathDistribution(info) for info in site.folder.glob("*.dist-info")]

    (one,) = scan(found).announcements

    assert (one.name, one.distribution, one.version, one.requires) == (
        "plain",
        "converge-plain",
        "3.1",
        ("converge-provider>=0.1,<0.2",),
    )


@pytest.mark.parametrize("turned", [False, True], ids=["as-found", "turned"])
def test_scan_of_a_shadowed_distribution_takes_what_python_would_import(tmp_path: Path, *, turned: bool) -> None:
    """Of one distribution in two folders the one that comes first on sys.path counts, however they are found."""
    folders = [tmp_path / "z-first", tmp_path / "a-second"]
    for folder in folders:
        folder.mkdir()
    with FakeSite(folders[1]) as second, FakeSite(folders[0]) as first:
        first.install(plugin("echo", version="1.0"))
        second.install(plugin("echo", version="2.0"))
        found = [*first.distributions(), *second.distributions()]

        (one,) = scan(found[::-1] if turned else found).announcements

    assert one.version == "1.0"


@pytest.mark.parametrize("turned", [False, True], ids=["as-found", "turned"])
def test_scan_of_leftovers_in_one_folder_takes_the_newest(site: FakeSite, *, turned: bool) -> None:
    """Of two versions of one distribution in one folder, as a killed installer leaves them, the newest counts."""
    site.install(plugin("echo", version="1.9"), plugin("echo", version="1.10"))
    found = list(site.distributions())

    (one,) = scan(found[::-1] if turned else found).announcements

    assert one.version == "1.10"


def test_scan_of_metadata_that_is_gone_reports_it(site: FakeSite) -> None:
    """A plugin whose METADATA is missing goes into quarantine, and the others work."""
    site.install(plugin("torn"))
    (site.folder / "converge_torn-1.0.0.dist-info" / "METADATA").unlink()

    (found,) = PluginRegistry.discover(distributions=site.distributions()).report.quarantined

    assert (found.name, found.distribution, found.version) == ("torn", "converge-torn", "unknown")
    assert (found.stage, found.cause) == ("metadata", "its METADATA cannot be read")
    assert found.remedy == "Run: pip install --force-reinstall converge-torn"


BROKEN_METADATA = {
    "not-text": (b"Name: converge-torn\nVersion: \xff\xfe\n", "its METADATA cannot be read"),
    "no-version": (b"Name: converge-torn\n\nVersion: 1\n", "its METADATA states no name or no version"),
}


@pytest.mark.parametrize(("content", "cause"), BROKEN_METADATA.values(), ids=BROKEN_METADATA)
def test_scan_of_broken_metadata_reports_it(site: FakeSite, content: bytes, cause: str) -> None:
    """A plugin whose METADATA makes no sense goes into quarantine."""
    site.install(plugin("torn"))
    (site.folder / "converge_torn-1.0.0.dist-info" / "METADATA").write_bytes(content)

    (found,) = PluginRegistry.discover(distributions=site.distributions()).report.quarantined

    assert found.cause == cause


BROKEN_ANNOUNCEMENTS = {
    "no-equals-sign": ("[converge_provider]\ntorn converge_torn\n", "its entry_points.txt cannot be read"),
    "no-module": ("[converge_provider]\ntorn = no module!\n", "its entry point names 'no module!', which is no module"),
}


@pytest.mark.parametrize(("content", "cause"), BROKEN_ANNOUNCEMENTS.values(), ids=BROKEN_ANNOUNCEMENTS)
def test_scan_of_broken_announcements_reports_them(site: FakeSite, content: str, cause: str) -> None:
    """A plugin whose entry points make no sense goes into quarantine."""
    site.install(plugin("torn"))
    (site.folder / "converge_torn-1.0.0.dist-info" / "entry_points.txt").write_text(content)

    (found,) = PluginRegistry.discover(distributions=site.distributions()).report.quarantined

    assert (found.stage, found.cause) == ("metadata", cause)


def test_scan_passes_over_folders_that_cannot_be_read(site: FakeSite) -> None:
    """Entries of sys.path that are not there, or are no folders, are nobody's concern."""
    (site.folder / "file").write_text("")
    for odd in ("", str(site.folder / "gone"), str(site.folder / "file")):
        sys.path.append(odd)
    try:
        found = scan()
    finally:
        del sys.path[-3:]

    assert found.core_version is not None


def test_scan_of_many_distributions_opens_each_once(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution without plugins costs the opening of one file; only plugins' METADATA is read."""
    quiet = [FakeDistribution(name=f"quiet-{number}") for number in range(20)]
    site.install(*quiet, plugin("loud"))
    read: list[str] = []
    original = importlib_metadata.PathDistribution.read_text

    def counting(self: importlib_metadata.PathDistribution, filename: str | os.PathLike[str]) -> str | None:
        read.append(str(filename))
        return original(self, filename)

    monkeypatch.setattr(importlib_metadata.PathDistribution, "read_text", counting)
    scan(site.distributions())

    assert read.count("entry_points.txt") == 22  # the one with a plugin is read a second time, to be parsed
    assert read.count("METADATA") == 1


plain_releases = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
clauses = st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!="]), plain_releases).map("".join)
ranges = st.lists(clauses, min_size=1, max_size=3).map(",".join)


@settings(max_examples=300, deadline=None)
@given(wanted=ranges, version=plain_releases)
def test_plain_range_is_decided_as_packaging_does(wanted: str, version: str) -> None:
    """For plain releases the quick comparison and the library's agree."""
    expected = Requirement(f"converge-provider{wanted}").specifier.contains(version, prereleases=True)

    assert within(wanted, version) is expected


RANGES = {
    "none": ("", "0.1.0", True),
    "compatible-release": ("~=0.1.2", "0.1.3", True),
    "wildcard": ("==0.1.*", "0.2.0", False),
    "pre-release": (">=0.1,<0.2", "0.1.1rc1", True),
    "pre-release-of-the-next": (">=0.1,<0.2", "0.2.0.dev1", False),
    "extras": ("[http]>=0.1", "0.1.0", True),
    "extra-of-the-plugin": ('>=9; extra == "dev"', "0.1.0", True),
    "extra-and-this-python": ("<9; extra == 'dev' or python_version >= '3'", "9", False),
    "extra-of-nobody": ("<9; extra == ''", "9", False),
    "other-python": ('>=9; python_version < "3"', "0.1.0", True),
    "this-python": ('>=9; python_version >= "3"', "0.1.0", False),
    "by-address": (" @ https://example.invalid/core.whl", "0.1.0", True),
    "in-parentheses": (" (>=0.2)", "0.1.0", False),
}


@pytest.mark.parametrize(("wanted", "version", "met"), RANGES.values(), ids=RANGES)
def test_range_follows_the_rules_of_versions(wanted: str, version: str, *, met: bool) -> None:
    """Whatever a requirement may hold is understood."""
    assert within(wanted, version) is met


def test_everyday_ranges_do_not_import_packaging(site: FakeSite) -> None:
    """A range like those that plugins declare is decided without the library, whose import takes its time."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        del sys.modules[name]
    within.cache_clear()

    assert within("[http,cli]<0.2,>=0.1", "0.1.7")
    assert within("[cli]>=9,<10; extra == 'test'", "0.1.7")
    assert "packaging" not in sys.modules


def test_pluggy_registers_all_of_a_plugin_or_nothing() -> None:
    """In pluggy 1.7 a plugin whose second hook does not fit leaves nothing behind."""
    spec, impl = pluggy.HookspecMarker("x"), pluggy.HookimplMarker("x")

    class Specs:
        @spec
        def a(self, one: int) -> None: ...
        @spec
        def b(self, one: int) -> None: ...

    class Plugin:
        @impl
        def a(self, one: int) -> None: ...
        @impl
        def b(self, two: int) -> None: ...

    manager = pluggy.PluginManager("x")
    manager.add_hookspecs(Specs)

    with pytest.raises(pluggy.PluginValidationError):
        manager.register(Plugin())
    assert manager.get_plugins() == set()
    assert manager.hook.a.get_hookimpls() == []


def test_pluggy_accepts_an_unknown_hook_until_asked() -> None:
    """In pluggy 1.7 a misspelt hook is accepted silently, which is why hooks are checked before."""
    impl = pluggy.HookimplMarker("x")

    class Plugin:
        @impl
        def misspelt(self) -> None: ...

    manager = pluggy.PluginManager("x")
    manager.register(Plugin())

    with pytest.raises(pluggy.PluginValidationError, match="unknown hook 'misspelt'"):
        manager.check_pending()


def test_importlib_metadata_names_a_distribution_by_its_folder(tmp_path: Path) -> None:
    """In importlib-metadata 10 the normalised name comes from the folder's name, so it costs no reading."""
    folder = tmp_path / "Some_Thing-1.0.dist-info"
    folder.mkdir()

    assert importlib_metadata.Distribution.at(folder)._normalized_name == "some_thing"
