"""The session: one request, as the tables of one TOML file."""

from __future__ import annotations

from typing import Any

from tui.session.sections.base import Section
from tui.session.sections.chat import ChatSection
from tui.session.sections.cluster import ClusterSection
from tui.session.sections.data import DataSection
from tui.session.sections.evaluation import EvaluationSection
from tui.session.sections.export import ExportSection
from tui.session.sections.guards import GuardsSection
from tui.session.sections.lora import LoraSection
from tui.session.sections.model import ModelSection
from tui.session.sections.run import RunSection
from tui.session.sections.training import TrainingSection


class Session(Section):
    """One request: model, data, LoRA, training, evaluation, guards, export, chat and cluster."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    lora: LoraSection = LoraSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    guards: GuardsSection = GuardsSection()
    export: ExportSection = ExportSection()
    chat: ChatSection = ChatSection()
    cluster: ClusterSection = ClusterSection()
    run: RunSection = RunSection()

    @property
    def processes(self) -> int:
        """How many processes train together, on all machines."""
        return self.cluster.nproc_per_node * self.cluster.nodes

    @property
    def shares_weights(self) -> bool:
        """Whether each process holds a part of the model."""
        return self.cluster.fsdp2 and self.processes > 1

    @property
    def process_batch(self) -> int:
        """Examples of an update that one process sees."""
        return self.training.per_device_train_batch_size * self.training.gradient_accumulation_steps

    @property
    def effective_batch(self) -> int:
        """Examples that one update sees, over all processes."""
        return self.process_batch * self.processes

    @property
    def held_out_data(self) -> DataSection | None:
        """The file of held-out data, read as the training data is; None where there is no such file."""
        if not self.evaluation.source:
            return None
        own: dict[str, Any] = {"source": self.evaluation.source, "split": self.evaluation.split}
        own |= {"more_sources": (), "mix_weights": (), "mix_counts": ()}
        if self.evaluation.source != self.data.source:
            own |= {"subset": None, "revision": None}
        return self.data.model_copy(update=own)
