"""What is asked of an engine to write a run in a form that other programs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.run.asked import Asked

ExportKind = Literal["adapter", "merged-16bit", "merged-4bit", "gguf"]


@dataclass(frozen=True)
class Push:
    """Where on the hub an export goes to."""

    repo: str
    """``owner/name``; it is made where there is none."""
    private: bool = True
    """Only asked of a repository that is made: one that is there stays as open as it is."""
    message: str = ""
    """Of the commit; empty for one that names the kind and the run."""
    revision: str = ""
    """The branch, made where there is none; empty for the main one."""
    base: str = ""
    """What the base model is called on the hub, where the run has it from a folder: written into what is pushed."""


@dataclass(frozen=True, kw_only=True)
class Export(Asked):
    """Write one kind of export of a run, prove it, and push it where that is asked."""

    kind: Literal["export"] = "export"
    id: str
    run: str
    """The run folder."""
    to: ExportKind
    quantisations: tuple[str, ...] = ()
    """For GGUF, in Unsloth's words: q4_k_m, q8_0."""
    step: int | None = None
    """The checkpoint to take; None for the result of the run."""
    push: Push | None = None
    fetch_llama_cpp: bool = False
    """Whether Unsloth may fetch llama.cpp, and install what it needs, when it is not here."""

    @property
    def name(self) -> str:
        """What its folder below ``exports`` is called."""
        parts = [self.to, *self.quantisations] + ([f"step-{self.step}"] if self.step is not None else [])
        return "-".join(parts)
