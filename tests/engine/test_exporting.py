"""What becomes of an export: whole or not there at all, in the order that spoils nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui.engine.exporting import export, export_all
from tui.run.events import Event, Warned
from tui.run.exports import list_exports, proof_words
from tui.run.folder import RunFolder
from tui.session import file

Writer = Callable[[Path], None]


def on_a_cpu(target: Path) -> None:
    (target / "merged_16bit").mkdir(parents=True)
    (target / "merged_16bit" / "model.safetensors").write_text("large")
    (target / f"{target.name}.Q8_0.gguf").write_text("small")


def on_a_gpu(target: Path) -> None:
    target.mkdir(parents=True)
    (target / "model.safetensors").write_text("large")
    beside = target.with_name(f"{target.name}_gguf")
    beside.mkdir()
    (beside / "tiny.Q8_0.gguf").write_text("small")
    (beside / "Modelfile").write_text("FROM tiny.Q8_0.gguf")


class Model:
    """Stands in for a model whose export takes llama.cpp and minutes; it writes as Unsloth does."""

    def __init__(self, write: Writer) -> None:
        self.write = write
        self.asked: list[Any] = []

    def save_pretrained_gguf(self, target: str, tokenizer: Any, quantization_method: list[str]) -> None:
        self.asked.append(quantization_method)
        self.write(Path(target))

    def save_pretrained_merged(self, target: str, tokenizer: Any, save_method: str) -> None:
        self.asked.append(save_method)
        self.write(Path(target))


def loaded_with(write: Writer) -> Any:
    return SimpleNamespace(model=Model(write), tokenizer=None)


@pytest.mark.parametrize(
    ("write", "names"), [(on_a_cpu, {"2026-run.Q8_0.gguf"}), (on_a_gpu, {"tiny.Q8_0.gguf", "Modelfile"})]
)
def test_of_a_gguf_export_the_gguf_files_are_kept(tmp_path: Path, write: Writer, names: set[str]) -> None:
    session = file.from_table({"export": {"kinds": ["gguf"], "quantization_method": ["q8_0", "f16"]}})
    target = tmp_path / "2026-run" / "exports" / "gguf"
    loaded = loaded_with(write)
    export(target, "gguf", session, loaded)
    assert loaded.model.asked == [["q8_0", "f16"]]
    assert {path.name for path in target.iterdir()} == names
    assert [path.name for path in target.parent.iterdir()] == ["gguf"]


def test_an_export_that_fails_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        (target / "half").write_text("half")
        raise RuntimeError("llama.cpp is not there")

    told: list[Event] = []
    session = file.from_table({"export": {"kinds": ["gguf", "merged-16bit"]}})
    export_all(RunFolder(tmp_path), session, loaded_with(half), told.append, lambda: False)
    warnings = [event for event in told if isinstance(event, Warned)]
    assert [event.text.split()[0] for event in warnings] == ["gguf", "merged-16bit"]
    assert all("llama.cpp is not there" in event.text for event in warnings)
    assert list((tmp_path / "exports").iterdir()) == []


def test_a_converter_that_wrote_nothing_has_failed(tmp_path: Path) -> None:
    told: list[Event] = []
    session = file.from_table({"export": {"kinds": ["gguf"]}})
    export_all(
        RunFolder(tmp_path), session, loaded_with(lambda target: target.mkdir(parents=True)), told.append, lambda: False
    )
    assert any(isinstance(event, Warned) and "no GGUF file" in event.text for event in told)
    assert not (tmp_path / "exports" / "gguf").exists()


def test_what_the_run_itself_exports_is_listed_as_not_checked(tmp_path: Path) -> None:
    session = file.from_table({"export": {"kinds": ["gguf"], "quantization_method": ["q8_0"]}})
    export_all(RunFolder(tmp_path), session, loaded_with(on_a_gpu), lambda event: None, lambda: False)
    (exported,) = list_exports(RunFolder(tmp_path))
    assert [it.path for it in exported.record.files] == ["Modelfile", "tiny.Q8_0.gguf"]
    assert (exported.record.quantisations, proof_words(exported.record)) == (("q8_0",), "not checked")


def test_an_export_made_again_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "exports" / "merged-16bit"
    target.mkdir(parents=True)
    (target / "old").write_text("old")
    export(target, "merged-16bit", file.from_table({}), loaded_with(lambda place: (place / "new").touch()))
    assert [path.name for path in target.iterdir()] == ["new"]


def test_after_a_stop_nothing_more_is_written(tmp_path: Path) -> None:
    session = file.from_table({"export": {"kinds": ["merged-16bit"]}})
    export_all(RunFolder(tmp_path), session, loaded_with(on_a_cpu), lambda event: None, lambda: True)
    assert not (tmp_path / "exports").exists()
