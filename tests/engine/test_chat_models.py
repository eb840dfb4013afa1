"""What a name means that is talked to, how it is loaded, and that what does not fit is refused with figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tui.catalog.local import ModelError
from tui.engine.chat_models import DoesNotFit, Source, check_memory, source_of
from tui.engine.control import Control
from tui.engine.talking import Talk
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.session.file import from_table

GIB = float(1 << 30)
LLAMA_8B = {
    "num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 128256, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 14336,
}  # fmt: skip
Hollow = Callable[..., Path]
Tensors = Callable[[Path, Any], Path]


@pytest.fixture
def run(hollow_model: Hollow) -> RunFolder:
    table = {"name": str(hollow_model("base")), "max_seq_length": 777, "load_in_4bit": False}
    return create_run(from_table({"model": table, "run": {"name": "learned"}}))


def adapter(folder: Path, base: str, tensors: Tensors) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    tensors(folder / "adapter_model.safetensors", {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}})
    return folder


def test_a_run_means_its_result_with_its_settings(run: RunFolder, tmp_path: Path, safetensors: Tensors) -> None:
    adapter(run.adapter, str(tmp_path / "base"), safetensors)
    found = source_of(str(run.path))
    assert (found.place, found.base, found.run) == (str(run.adapter), str(tmp_path / "base"), run)
    assert (found.session.model.max_seq_length, found.session.model.load_in_4bit) == (777, False)
    assert source_of(str(run.path), load_in_4bit=True).session.model.load_in_4bit


@pytest.mark.parametrize("below", ["adapter", "checkpoints/checkpoint-8", "exports/merged-16bit"])
def test_a_folder_in_a_run_has_the_settings_of_the_run(
    below: str, run: RunFolder, tmp_path: Path, safetensors: Tensors
) -> None:
    place = adapter(run.path / below, str(tmp_path / "base"), safetensors)
    found = source_of(str(place))
    assert (found.place, found.run, found.session.model.max_seq_length) == (str(place), run, 777)


def test_a_model_of_its_own_has_the_usual_settings(hollow_model: Hollow) -> None:
    found = source_of(str(hollow_model()))
    assert (found.run, found.session.model.load_in_4bit, found.session.model.max_seq_length) == (None, True, 2048)
    assert not source_of("owner/model", load_in_4bit=False).session.model.load_in_4bit


def test_what_was_trained_in_full_is_loaded_whole_unless_asked_otherwise(hollow_model: Hollow) -> None:
    run = create_run(from_table({"model": {"name": str(hollow_model("base")), "full_finetuning": True}}))
    run.adapter.symlink_to(hollow_model("result"))
    model = source_of(str(run.path)).session.model
    assert (model.full_finetuning, model.load_in_4bit, model.load_in_16bit) == (False, False, True)
    assert source_of(str(run.path), load_in_4bit=True).session.model.load_in_4bit


def test_a_run_without_anything_learned_says_so(run: RunFolder) -> None:
    with pytest.raises(ModelError, match="neither a result nor a checkpoint yet"):
        source_of(str(run.path))


def test_what_fits_is_not_refused(hollow_model: Hollow) -> None:
    check_memory(eight_billion(hollow_model, four_bit=True), 8 * GIB, "GPU 0", {})
    check_memory(source_of("owner/model"), 0, "GPU 0", {})  # nothing is known of it: it is tried


def test_what_does_not_fit_is_refused_with_figures_and_with_what_would(hollow_model: Hollow) -> None:
    others = {"1": 70 * GIB, "2": 9 * GIB, "3": 60 * GIB, "cpu": 90 * GIB}
    with pytest.raises(DoesNotFit) as refused:
        check_memory(eight_billion(hollow_model, four_bit=False), 8 * GIB, "GPU 0", others)
    said = str(refused.value)
    assert said.startswith("llama takes about 15.") and "GPU 0 has 8 GiB free" in said
    assert "in 4-bit it takes 5." in said and "GPU 1 has 70 GiB free" in said and "the CPU has 90 GiB free" in said
    assert "GPU 2" not in said and refused.value.offers == ("4-bit", "1", "cpu")


def test_where_nothing_fits_nothing_is_offered(hollow_model: Hollow) -> None:
    with pytest.raises(ModelError, match="choose a smaller model, or free some memory"):
        check_memory(eight_billion(hollow_model, four_bit=True), GIB, "GPU 0", {"1": GIB})


class OutOfMemoryError(Exception):
    """As torch names it, and with its words."""


def test_memory_that_runs_out_is_explained_and_the_next_question_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[events.Event] = []
    talk = Talk(RunFolder(tmp_path), Control(), told.append)

    def full(*_: object) -> None:
        raise OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB of which 1.00 GiB is "
            "free."
        )

    with monkeypatch.context() as patch:
        patch.setattr(talk, "_ready", full)
        talk.do(commands.Chat(id="a", speakers=(commands.Speaker("tuned", ()), commands.Speaker("base", ()))))
        talk.do(commands.AnswerSet(id="b", session="", source="session"))
    talk.do(commands.ShowPrompt(id="c", messages=()))
    first, second, third, fourth = [event for event in told if not isinstance(event, events.PhaseChanged)]
    for event in (first, second):
        assert isinstance(event, events.Replied) and event.done
        assert "the GPU is full: 2 GiB more were asked for" in event.error and "load it in 4-bit" in event.error
    assert isinstance(third, events.Answered) and third.done and "the GPU is full" in third.error
    assert isinstance(fourth, events.PromptShown) and fourth.error == "no model is loaded, and none was named"


def eight_billion(hollow_model: Hollow, *, four_bit: bool) -> Source:
    folder = hollow_model("llama", **LLAMA_8B)
    (folder / "model.safetensors").unlink()  # its shape comes from config.json alone
    (folder / "pytorch_model.bin").write_text("")
    return source_of(str(folder), four_bit)
