"""The figures of a run, pure functions of its state: its speed, what it uses of the card, when it ends, what it costs."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from tui.run.state import RunState

PACE_WINDOW = 50
"""The time left is taken from so many updates at least, and from a quarter of all that were done when these are more."""
PEAK_TFLOPS = {
    "B200": 2250.0, "GB200": 2250.0, "B100": 1750.0, "H200": 989.0, "GH200": 989.0, "H100 NVL": 835.0, "H100 PCIE": 756.0,
    "H100": 989.0, "H800": 989.0, "H20": 148.0, "A100": 312.0, "A800": 312.0, "A30": 165.0, "A40": 149.7, "A10G": 70.0,
    "A10": 125.0, "L40S": 362.0, "L40": 181.0, "L4": 121.0, "RTX 5090": 209.5, "RTX 5080": 112.6, "RTX 4090": 165.2,
    "RTX 4080": 97.5, "RTX 3090": 71.0, "RTX 3080": 59.5, "RTX 6000 ADA": 364.2, "RTX A6000": 154.8,
}  # fmt: skip
"""Dense bfloat16 products with float32 sums, in TFLOP/s, from NVIDIA's data sheets and architecture white papers (Blackwell,
Hopper, Ada, Ampere). The key is a part of the name that NVML gives; the longest that fits counts.
"""
OTHER_CARDS = ("LAPTOP", "MAX", "SUPER", "TI")
"""Words of a name that make it another card with other figures."""


@dataclass(frozen=True)
class MemoryUse:
    """Memory of the card as the notebook of Unsloth tells it."""

    before_bytes: int
    """Reserved once the model is loaded, before training."""
    peak_bytes: int
    total_bytes: int

    @property
    def training_bytes(self) -> int:
        """What training added: the peak less what was reserved before."""
        return max(0, self.peak_bytes - self.before_bytes)

    def share(self, part: int) -> float:
        """A part of the card, 0 to 1."""
        return part / self.total_bytes if self.total_bytes else 0.0


def peak_tflops(device: str) -> float | None:
    """What a card can do at most, in TFLOP/s (see `PEAK_TFLOPS`); None for one that is not known."""
    words = f" {device.upper().replace('-', ' ').replace('_', ' ')} "
    if any(f" {word} " in words for word in OTHER_CARDS):
        return None
    fitting = [name for name in PEAK_TFLOPS if f" {name} " in words]
    return PEAK_TFLOPS[max(fitting, key=len)] if fitting else None


def flops_a_token(trained_parameters: int, all_parameters: int) -> int:
    """Arithmetic that one token takes: 4 for every parameter and 2 more for every one that is trained.

    A product with a weight takes 2 (one multiplication, one addition) forward, 2 for the gradient of its input, and 2 for
    its own gradient, which a frozen weight does not need: 4 for LoRA, 6 for full fine-tuning, as in Kaplan et al. 2020
    (section 2.1, C = 6ND). Attention between tokens and what checkpointing computes again do not count (Chowdhery et al.
    2022, appendix B).
    """
    return 4 * all_parameters + 2 * trained_parameters


def utilisation(state: RunState) -> float | None:
    """Model FLOPs utilisation, 0 to 1: arithmetic that the tokens take, of what the cards can do; None where not known."""
    peak = peak_tflops(state.plan.device) if state.plan else None
    if state.plan is None or peak is None or not state.tokens_per_s:
        return None
    needed = flops_a_token(state.plan.trained_parameters, state.plan.all_parameters) * state.tokens_per_s
    return needed / (peak * 1e12 * max(1, len(state.ranks)))


def seconds_an_update(state: RunState) -> float | None:
    """Seconds from one update to the next, with the evaluations and checkpoints between them; None before the first.

    The mean over the last quarter of the updates, at least `PACE_WINDOW`; loading, the first update, which compiles, and the
    time before a resumption do not count.
    """
    steps = state.steps
    if not steps:
        return None
    begun = state.resumed[-1].time if state.resumed else 0.0
    first = bisect_left(steps, begun, key=lambda step: step.time)
    first = max(first, len(steps) - 1 - max(PACE_WINDOW, len(steps) // 4))
    if first >= len(steps) - 1:
        return steps[-1].seconds
    updates = steps[-1].step - steps[first].step
    return max(0.0, steps[-1].time - steps[first].time) / max(1, updates)


def seconds_left(state: RunState, now: float) -> float | None:
    """Seconds until the last update, counted down from the one that came last; None before the first and after the end."""
    pace, last = seconds_an_update(state), state.last_step
    if state.plan is None or last is None or pace is None or state.ended:
        return None
    updates = max(0, total_steps(state) - last.step)
    passed = min(max(0.0, now - last.time), pace)
    return max(0.0, updates * pace - passed) if updates else 0.0


def total_steps(state: RunState) -> int:
    """How many updates there are to be, after what was changed."""
    changed = [change.values["training.max_steps"] for change in state.changes if change.values.get("training.max_steps")]
    planned = state.plan.steps if state.plan else 0
    return int(changed[-1] or planned) if changed else planned


def startup(state: RunState) -> list[tuple[str, float]]:
    """Where the time went between the start of the engine and its first update: what was done, and for how many seconds."""
    begun = state.resumed[-1].time if state.resumed else state.started
    at = bisect_left(state.steps, begun, key=lambda step: step.time)
    if at == len(state.steps):
        return []
    first = state.steps[at].time
    phases = [phase for phase in state.phases if begun <= phase.time < first]
    if not phases:
        return []
    ends = [*(phase.time for phase in phases[1:]), first]
    told = [("starting", phases[0].time - begun)]
    for phase, end in zip(phases, ends, strict=True):
        told.append(("first update" if phase.phase == "training" else phase.phase, end - phase.time))
    return told


def samples_seen(state: RunState) -> int:
    """Examples that were trained on, one that came twice counted twice: epochs done times examples."""
    return round(state.last_step.epoch * state.plan.examples) if state.plan and state.last_step else 0


def memory_use(state: RunState) -> MemoryUse | None:
    """What the model took and what training added; None before the model is loaded."""
    loaded, trained, last = state.memory_loaded, state.memory_trained, state.last_step
    if loaded is None:
        return None
    peak = max(loaded.peak_bytes, trained.peak_bytes if trained else 0, last.peak_memory_bytes if last else 0)
    return MemoryUse(loaded.used_bytes, peak, loaded.total_bytes)


def energy_wh(state: RunState) -> float | None:
    """Watt hours that the run's GPUs took by NVML, without the rest of the box; None where it does not tell."""
    usages = [usage for usage in state.usage if usage.powered_s]
    return sum(usage.joules for usage in usages) / 3600 if usages else None


def mean_watts(state: RunState) -> float | None:
    """Mean power of the run's GPUs together."""
    usages = [usage for usage in state.usage if usage.powered_s]
    return sum(usage.joules / usage.powered_s for usage in usages) if usages else None


def busy_share(state: RunState) -> tuple[float, float] | None:
    """How busy the run's GPUs were while it trained, 0 to 1, and over how many seconds that is known."""
    usages = [usage for usage in state.usage if usage.training_s]
    seconds = sum(usage.training_s for usage in usages)
    return (sum(usage.busy_s for usage in usages) / seconds, seconds) if usages else None
