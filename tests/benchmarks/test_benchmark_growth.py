"""What is fitted to measurements, and that a leak is seen."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from growth import exponent
from memory import slope_of

MEMORY = Path(__file__).with_name("memory.py")


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_exponent_of_a_power_is_that_power(power: float) -> None:
    """The line through the logarithms of a power has its slope, whatever the factor."""
    costs = {size: 3.0 * size**power for size in (10, 100, 1_000, 10_000)}

    assert exponent(costs) == pytest.approx(power)


def test_slope_of_a_line_is_exact_and_of_noise_holds_nothing() -> None:
    """A line has its slope without a doubt; the interval of noise holds zero, and that of growth does not."""
    calls = [float(n * 1_000) for n in range(1, 101)]
    noise = random.Random(1)
    level = [5e6 + noise.gauss(0, 10_000) for _ in calls]
    grown = [held + 2.0 * done for held, done in zip(level, calls, strict=True)]
    line, flat, leak = slope_of(calls, [7 + 2 * done for done in calls]), slope_of(calls, level), slope_of(calls, grown)

    assert line.per_call == pytest.approx(2.0)
    assert line.within == pytest.approx(0.0, abs=1e-9)
    assert abs(flat.per_call) <= flat.within
    assert leak.per_call - leak.within > 1.5


@pytest.mark.nightly
@pytest.mark.parametrize(("keep", "code"), [pytest.param(0, 0, id="nothing-kept"), pytest.param(100, 1, id="a-leak")])
def test_memory_is_flat_over_a_hundred_thousand_calls(keep: int, code: int) -> None:
    """What the process holds does not grow with the calls, unless one answer out of a hundred is kept."""
    calls = "100000" if not keep else "20000"
    run = subprocess.run(
        [sys.executable, str(MEMORY), "--calls", calls, "--keep", str(keep)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == code, run.stdout + run.stderr
