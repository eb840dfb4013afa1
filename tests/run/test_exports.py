"""Exports seen from outside: what they need and why they are refused, how far they are, and what is there of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import write_safetensors
from tests.run.conftest import write_holder
from tui.catalog.shape import shape_from_config
from tui.engine.export.job import Job
from tui.machine import llama_cpp
from tui.run import commands, events, export_ahead, export_jobs, trash
from tui.run.export_ahead import look_ahead
from tui.run.export_base import hub_name, sixteen_bit_name
from tui.run.export_commands import Export, ExportKind, Push
from tui.run.export_events import ExportMoved
from tui.run.exports import (
    Asked,
    Difference,
    ExportedFile,
    Proof,
    Record,
    delete_export,
    list_exports,
    proof_words,
    record_table,
    uses,
    write_record,
)
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.session import file
from tui.session.quantisations import left_out, offered, refusal, table_in

PARAMETERS = 1_000_000


@pytest.fixture
def run(home: Path, tmp_path: Path, hollow_model: Callable[..., Path]) -> RunFolder:
    """A finished run: an adapter for a model of a million weights, and one checkpoint."""
    base = hollow_model("base")
    write_safetensors(base / "model.safetensors", {"w": {"dtype": "F32", "shape": [1000, 1000], "data_offsets": [0, 0]}})
    folder = RunFolder(home / "runs" / "2026-one")
    for place in (folder.adapter, folder.checkpoints / "checkpoint-10"):
        place.mkdir(parents=True)
        (place / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
        write_safetensors(place / "adapter_model.safetensors", {})
    (folder.checkpoints / "checkpoint-10" / "optimizer.pt").write_bytes(bytes(5_000_000))
    file.save(file.from_table({"model": {"name": str(base)}, "data": {"source": "a.jsonl"}}), folder.session)
    return folder


@pytest.fixture(autouse=True)
def box(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A box without a GPU and with plenty of everything; a test takes away what it wants to."""
    told = SimpleNamespace(disk=10**12, memory=10**12, gpu=None, llama=None)
    monkeypatch.setattr(export_ahead, "free_disk_bytes", lambda path: told.disk)
    monkeypatch.setattr(export_ahead.psutil, "virtual_memory", lambda: SimpleNamespace(available=told.memory))
    monkeypatch.setattr(export_ahead, "_free_gpu_bytes", lambda session: told.gpu)
    monkeypatch.setattr(export_ahead, "llama_cpp_folder", lambda: told.llama)
    monkeypatch.delenv("UNSLOTH_AUTO_INSTALL", raising=False)
    return told


def asked(run: RunFolder, to: ExportKind = "merged-16bit", *quants: str, step: int | None = None) -> Export:
    return export_jobs.request(run, to, quants, step)


# ---- what it needs


def test_what_can_be_made_is_not_refused(run: RunFolder) -> None:
    for to in ("adapter", "merged-16bit"):
        assert look_ahead(asked(run, to)).problems == ()
    assert look_ahead(asked(run, step=10)).source == run.checkpoints / "checkpoint-10"


def test_a_checkpoint_counts_without_the_state_of_its_training(run: RunFolder) -> None:
    assert (look_ahead(asked(run, "adapter", step=10)).result_bytes or 0) < 1_000_000


@pytest.mark.parametrize(
    ("to", "quants", "change", "expected"),
    [
        ("merged-16bit", (), {"disk": 1_000_000}, "needs 2.1 MiB and 477 MiB to spare on the disk"),
        ("merged-16bit", (), {"memory": 1_000_000}, "needs 1.22 GiB of memory, and 977 KiB are free"),
        ("merged-16bit", (), {"gpu": 1_000, "memory": 1_000}, "of GPU memory, and 0.977 KiB are free"),
        ("merged-4bit", (), {"disk": 1_000_000}, "and 477 MiB to spare on the disk"),
        ("gguf", ("q4_k_m",), {}, "UNSLOTH_LLAMA_CPP_PATH"),
        ("gguf", ("q9_x",), {}, "there is no quantisation q9_x; known are q4_k_m"),
        ("gguf", ("q2_k_l",), {}, "makes q2_k_l on a GPU only"),
        ("gguf", (), {}, "gguf needs a quantisation"),
    ],
)
def test_what_cannot_work_is_refused_with_its_numbers(
    run: RunFolder, box: SimpleNamespace, to: ExportKind, quants: tuple[str, ...], change: dict[str, int], expected: str
) -> None:
    vars(box).update(change)
    assert expected in "; ".join(look_ahead(asked(run, to, *quants)).problems)


def test_whoever_lets_unsloth_install_what_it_needs_need_not_say_so_again(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = asked(run, "gguf", "q8_0")
    monkeypatch.setattr(export_ahead, "is_offline", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UNSLOTH_LLAMA_CPP_PATH", raising=False)
    for allowed in (False, True):
        monkeypatch.setenv("UNSLOTH_AUTO_INSTALL", str(int(allowed)))
        assert ("llama.cpp is not here" in " ".join(look_ahead(wanted).problems)) == (not allowed)
        children = Job(RunFolder(tmp_path), wanted, lambda event: None)._environment(on_gpu=False)
        assert children["UNSLOTH_AUTO_INSTALL"] == str(int(allowed))


def test_a_run_that_cannot_be_written_to_is_refused_before_anything_is_loaded(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_ahead.os, "access", lambda path, mode: path != run.path)
    assert f"nothing can be written to {run.path}" in look_ahead(asked(run)).problems[0]


def test_what_an_export_takes_the_place_of_is_named(run: RunFolder) -> None:
    assert look_ahead(asked(run, "adapter")).notes == ()
    (run.exports / "adapter").mkdir(parents=True)
    write_record(run.exports / "adapter", made(run))
    assert "takes the place of the adapter of" in look_ahead(asked(run, "adapter")).notes[0]


def test_what_the_gpu_has_no_room_for_is_merged_on_the_processor(run: RunFolder, box: SimpleNamespace) -> None:
    box.gpu = 1_000
    ahead = look_ahead(asked(run))
    assert (ahead.place, ahead.problems) == ("cpu", ())
    assert "merged on the processor" in ahead.notes[0]


def test_a_checkpoint_or_a_base_model_that_is_gone_is_named(run: RunFolder) -> None:
    assert "no checkpoint of update 7" in look_ahead(asked(run, step=7)).problems[0]
    config = run.adapter / "adapter_config.json"
    config.write_text(json.dumps({"base_model_name_or_path": "/nowhere/base"}))
    assert "/nowhere/base" in look_ahead(asked(run)).problems[0]
    adapter = look_ahead(asked(run, "adapter"))
    assert adapter.problems == () and "/nowhere/base" in adapter.unprovable  # its files are here all the same
    config.write_text(json.dumps({"base_model_name_or_path": "unsloth/Llama-3.2-1B-Instruct-bnb-4bit"}))
    (problem,) = look_ahead(asked(run)).problems
    assert "unsloth/Llama-3.2-1B-Instruct is not on this machine in 16 bits" in problem and "hf download" in problem


def test_a_model_that_was_trained_whole_has_no_adapter_to_export(run: RunFolder, hollow_model: Callable[..., Path]) -> None:
    run.adapter.rename(run.path / "gone")
    hollow_model("whole").rename(run.adapter)
    assert "merged-16bit is the whole model" in look_ahead(asked(run, "adapter")).problems[0]
    assert look_ahead(asked(run)).problems == ()


def test_the_sixteen_bit_name_of_a_model_is_the_one_that_unsloth_knows() -> None:
    assert sixteen_bit_name("unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit") == "unsloth/Llama-3.2-1B-Instruct"
    assert sixteen_bit_name("unsloth/llama-3.2-1b-instruct") == "unsloth/llama-3.2-1b-instruct"
    assert sixteen_bit_name("somebody/else-4bit") == "somebody/else-4bit"


def test_a_push_that_names_a_folder_of_this_machine_is_told_of_before(run: RunFolder) -> None:
    """Nobody else could load such an adapter."""

    def told(push: Push, to: ExportKind = "adapter") -> str:
        return " ".join(look_ahead(export_jobs.request(run, to, push=push)).notes)

    assert "--base-model OWNER/NAME" in told(Push("ada/x"))
    base = Path(json.loads((run.adapter / "adapter_config.json").read_text())["base_model_name_or_path"])
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"_name_or_path": "org/base"}))
    assert "--base-model org/base" in told(Push("ada/x"))
    assert told(Push("ada/x", base="org/base")) == told(Push("ada/x"), "merged-16bit") == ""
    assert hub_name("/home/a/.cache/huggingface/hub/models--org--the--model/snapshots/abc") == "org/the--model"
    for push in (Push("x"), Push("ada/x", base="/home/a/base")):
        assert "no name on the hub" in look_ahead(export_jobs.request(run, "adapter", push=push)).problems[0]


# ---- llama.cpp


def built(folder: Path, *folders: str) -> Path:
    for name in folders:
        (folder / name).mkdir(parents=True)
    for name in (llama_cpp.QUANTISER, llama_cpp.CONVERTER, "llama-simple"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_a_folder_that_unsloth_would_delete_is_given_to_it_as_links(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = built(tmp_path / "bare", "conversion", "gguf-py")
    links = llama_cpp.as_unsloth_wants(bare)
    assert links != bare and home in links.parents
    assert (links / llama_cpp.QUANTISER).resolve() == bare / llama_cpp.QUANTISER
    assert (links / "conversion").resolve() == bare / "conversion"
    monkeypatch.setenv("UNSLOTH_LLAMA_CPP_PATH", str(links))
    assert llama_cpp.speaker() == links / "llama-simple"
    assert all((links / name).is_dir() for name in llama_cpp.SOURCES)
    whole = built(tmp_path / "whole", *llama_cpp.SOURCES)
    assert llama_cpp.as_unsloth_wants(whole) == whole


def test_llama_cpp_is_found_on_path_when_its_converter_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UNSLOTH_LLAMA_CPP_PATH", raising=False)
    folder = built(tmp_path / "llama", "build/bin")
    monkeypatch.setenv("PATH", str(folder))
    assert llama_cpp.llama_cpp_folder() == folder
    assert llama_cpp.speaker() == folder / "llama-simple"
    (folder / llama_cpp.CONVERTER).unlink()
    assert llama_cpp.llama_cpp_folder() is None


def test_what_the_installed_unsloth_offers_can_be_chosen_and_what_it_cannot_make_here_is_refused_with_the_reason() -> None:
    names = [it.name for it in offered()]
    assert names[0] == "q4_k_m" and {"q5_k_m", "q8_0", "f16", "bf16", "q2_k_l"} <= set(names)
    assert all(it.text for it in offered()) and not {"quantized", "q4_k"} & set(names)
    assert set(left_out()).isdisjoint(names)
    assert "importance matrix" in refusal(["q8_0", "iq2_xs"]) and "q3_k_s is the nearest" in refusal(["q3_k_xs"])
    assert refusal(names) == ""


def test_the_tables_of_unsloth_are_read_without_loading_it() -> None:
    source = 'X = 1\nALLOWED_QUANTS = {\n  "q8_0": "good",\n  "q9_z": "new",\n}\nY = 2'
    assert table_in(source, "ALLOWED_QUANTS") == {"q8_0": "good", "q9_z": "new"}
    assert table_in(source, "IMATRIX_QUANTS") == {}


# ---- how far it is


def test_the_state_follows_what_the_engine_says() -> None:
    told: list[events.Event] = [
        ExportMoved(time=1, stage="writing", text="merging"),
        ExportMoved(time=2, bytes_done=30, bytes_total=120),
    ]
    state = export_jobs.fold_all(told)
    assert (state.stage, state.text, state.fraction, state.ended) == ("writing", "merging", 0.25, False)
    assert export_jobs.fold(state, ExportMoved(stage="proving")).fraction is None
    assert export_jobs.fold(state, events.Finished(outcome="completed", result="/x")).result == "/x"
    assert export_jobs.fold(state, events.Finished(outcome="discarded")).cancelled
    failed = export_jobs.fold(state, events.Failed(code="export", text="no room", advice="free some"))
    assert failed.failure == "no room; free some" and failed.ended
    gone = export_jobs.fold(state, events.EngineSeen(alive=False, reason="killed"))
    assert gone.ended and gone.failure == "killed"


def test_an_export_asked_for_is_found_again_by_any_window(home: Path, run: RunFolder) -> None:
    folder = RunFolder(export_jobs.jobs_folder() / "1")
    folder.path.mkdir(parents=True)
    wanted = export_jobs.request(run, "gguf", ["q8_0", "q8_0", "f16"], 10, Push("ada/x"))
    send(folder, wanted)
    (job,) = export_jobs.jobs_of(run)
    assert job.asked == wanted and wanted.name == "gguf-q8_0-f16-step-10"
    assert not job.state.ended and export_jobs.going_on(run)
    with pytest.raises(trash.StillRunning, match="is being exported"):
        write_holder(run.lock, started=1.0)
        trash.delete(run)
    export_jobs.cancel(job)
    assert commands.from_line(folder.commands.read_bytes().splitlines()[-1]) == commands.Cancel(
        id=wanted.id, time=json.loads(folder.commands.read_bytes().splitlines()[-1])["time"]
    )


def test_what_a_killed_engine_left_is_removed_and_what_another_writes_is_not(run: RunFolder) -> None:
    folder = RunFolder(export_jobs.jobs_folder() / "1")
    folder.path.mkdir(parents=True)
    wanted = asked(run)
    send(folder, wanted)
    for name in (export_jobs.scratch_of(wanted), run.exports / f"{export_jobs.WRITING}dead", run.exports / "gguf"):
        name.mkdir(parents=True)
    export_jobs.clear_leftovers(run)
    assert {path.name for path in run.exports.iterdir()} == {export_jobs.scratch_of(wanted).name, "gguf"}


# ---- what is there

SAME = Asked("hello?", "yes, it is", "yes, it is", 48, 48)
OTHER = replace(SAME, answer="no", same=3, difference=Difference(4, " yes", " no", (9.1, 9.0), (9.0, 9.1)))


def made(run: RunFolder, **changes: object) -> Record:
    record = Record("adapter", "adapter", run.name, 10.0, 3.0, "org/base", files=(ExportedFile("a.safetensors", 5, "ab"),))
    return replace(record, **changes)  # type: ignore[arg-type]


def test_exports_are_listed_with_what_was_written_into_them(run: RunFolder) -> None:
    for at, name in enumerate(("adapter", "gguf-q8_0")):
        (run.exports / name).mkdir(parents=True)
        write_record(run.exports / name, made(run, name=name, created=float(at)))
    (run.exports / "strange").mkdir()
    (run.exports / f"{export_jobs.WRITING}1").mkdir()
    assert [it.record.name for it in list_exports(run)] == ["gguf-q8_0", "adapter"]
    assert record_table(list_exports(run)[0])["bytes"] == 5
    delete_export(list_exports(run)[0])
    assert [it.record.name for it in list_exports(run)] == ["adapter"]


@pytest.mark.parametrize(
    ("proofs", "told", "proven"),
    [
        ((), "not checked", False),
        ((Proof("", "transformers", (SAME,)),), "proven: the same 48 tokens", True),
        ((Proof("", "transformers", (SAME, OTHER)),), "DIFFERS: 1 of 2", False),
        ((Proof("x.gguf", "llama.cpp", (OTHER,), exact=False),), "proven, rounded: 3 to 3", True),
        ((Proof("x.gguf", "llama.cpp", (replace(OTHER, same=0),), exact=False),), "DIFFERS: 0 of 1", False),
        ((Proof("x.gguf", "gguf", problems=("it is cut off",)),), "WRONG: it is cut off", False),
        ((Proof("", "transformers", why_not="no memory"),), "not proven: no memory", False),
    ],
)
def test_it_is_said_whether_an_export_was_proven(run: RunFolder, proofs: tuple[Proof, ...], told: str, proven: bool) -> None:
    record = made(run, proofs=proofs)
    (run.exports / "adapter").mkdir(parents=True)
    write_record(run.exports / "adapter", record)
    assert proof_words(record).startswith(told)
    assert record_table(list_exports(run)[0])["proven"] == proven


def test_there_is_a_line_to_copy_for_each_program(run: RunFolder) -> None:
    ggufs = (ExportedFile("Modelfile", 1, ""), ExportedFile("one.Q8_0.gguf", 5, ""))
    for kind, programs in (
        (made(run), ["transformers", "vLLM"]),
        (made(run, to="merged-16bit", name="merged-16bit"), ["transformers", "vLLM"]),
        (made(run, to="gguf", name="gguf-q8_0", files=ggufs), ["llama.cpp", "Ollama"]),
    ):
        place = run.exports / kind.name
        place.mkdir(parents=True)
        write_record(place, kind)
        lines = uses(next(it for it in list_exports(run) if it.path == place))
        assert list(lines) == programs
        assert all(str(place) in line for line in lines.values())


@pytest.mark.parametrize(("quantisation", "written"), [("q4_k_m", 105_454_080), ("q8_0", 144_811_008), ("f16", 270_885_888)])
def test_the_size_of_a_gguf_file_is_foretold(quantisation: str, written: int) -> None:
    """As llama.cpp wrote SmolLM2-135M."""
    config = {"num_hidden_layers": 30, "hidden_size": 576, "vocab_size": 49152, "num_attention_heads": 9}
    config |= {"num_key_value_heads": 3, "intermediate_size": 1536, "tie_word_embeddings": True}
    shape = shape_from_config(config)
    assert shape is not None
    assert export_ahead.gguf_bytes(quantisation, shape.parameters, shape) == pytest.approx(written, rel=0.03)
