"""One export from its turn to its record: looked ahead, written aside, checked, named, pushed."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from tui.engine.emit import Emit
from tui.engine.export.card import write_card
from tui.engine.export.children import Child, ExportFailed
from tui.engine.export.fetch import fetch
from tui.engine.failures import explain
from tui.engine.placing import bring_to_disk, put_back, put_in_place
from tui.machine.host import folder_bytes
from tui.machine.llama_cpp import as_unsloth_wants, llama_cpp_folder, may_be_fetched
from tui.run import commands, events
from tui.run.export_ahead import Ahead, look_ahead, model_files
from tui.run.export_commands import Export
from tui.run.export_events import ExportMoved, Stage
from tui.run.export_jobs import before, clear_leftovers, scratch_of
from tui.run.exports import Proof, Pushed, Record, hashed_files, write_record
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import HEARTBEAT_S, beat
from tui.session import file
from tui.words import advised

TURN_S = 0.5
TELL_S = 0.5
CHUNK_BYTES = 8 << 20
_PROOFS: TypeAdapter[tuple[Proof, ...]] = TypeAdapter(tuple[Proof, ...])
WRITE, PROVE, PUSH = (f"tui.engine.export.{name}" for name in ("write", "prove", "push"))


class Cancelled(Exception):
    """Nobody wants this export any more."""


class Job:
    """Makes one export; loads nothing itself, so that it can always be asked to end."""

    def __init__(self, folder: RunFolder, asked: Export, emit: Emit) -> None:
        self.folder, self.asked, self.emit = folder, asked, emit
        self.run = RunFolder(Path(asked.run))
        self.scratch = scratch_of(asked)
        self.final = self.run.exports / asked.name
        self._tail = Tail(folder.commands)
        self._beaten = self._told = 0.0
        self._ended = threading.Event()

    def work(self) -> int:
        """Make it; the exit code: 0 done or cancelled, 1 failed."""
        signal.signal(signal.SIGTERM, lambda *_: self._ended.set())
        for name in (signal.SIGHUP, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        try:
            self._wait_for_turn()
            record = self._make()
            if self.asked.push:
                self._push(record)
            self.emit(events.Finished(outcome="completed", result=str(self.final)))
            return 0
        except Cancelled:
            self.emit(events.Finished(outcome="discarded"))
            return 0
        except ExportFailed as failed:
            self.emit(events.Failed(code="export", text=failed.text, advice=failed.advice))
            return 1
        except Exception as error:
            self.emit(explain(error))
            return 1
        finally:
            self._tidy()

    def look_up(self) -> None:
        """Say that this process lives, and hear whether the export is still wanted. Raises Cancelled."""
        if time.monotonic() >= self._beaten + HEARTBEAT_S:
            self._beaten = time.monotonic()
            beat(self.folder.lock)
        for line in self._tail.read():
            if isinstance(commands.from_line(line), commands.Cancel | commands.Release):
                self._ended.set()
        if self._ended.is_set():
            raise Cancelled

    def tell(self, stage: Stage, text: str = "", done: int | None = None, total: int | None = None) -> None:
        """What is done now."""
        self.emit(ExportMoved(stage=stage, text=text, bytes_done=done, bytes_total=total))

    # ---- the steps

    def _wait_for_turn(self) -> None:
        waiting_for = -1
        while ahead := len(before(self.folder)):
            if ahead != waiting_for:
                self.tell("waiting", f"{ahead} other export{'s' * (ahead > 1)} before it")
                waiting_for = ahead
            self.look_up()
            time.sleep(TURN_S)

    def _make(self) -> Record:
        """Write, check and name it. Raises ExportFailed, Cancelled."""
        started = time.time()
        ahead = self._look_ahead()
        if ahead.fetches:
            ahead = self._fetch(ahead)
        put_back(self.run.exports)
        clear_leftovers(self.run)
        self.scratch.mkdir(parents=True, mode=0o700)
        notes = self._write(ahead)
        record = Record(
            name=self.asked.name,
            to=self.asked.to,
            run=self.run.name,
            created=started,
            seconds=0.0,
            base=ahead.base,
            step=self.asked.step,
            quantisations=self.asked.quantisations,
            notes=notes,
        )
        record = write_card(self.scratch, self.run, record, self.asked.push.base if self.asked.push else "")
        record = replace(record, proofs=self._prove(ahead))
        self.tell("checking files", "their sha256")
        record = replace(record, files=hashed_files(self.scratch, self._moved))
        record = replace(record, seconds=round(time.time() - started, 1))
        write_record(self.scratch, record)
        bring_to_disk(self.scratch)
        self.look_up()
        put_in_place(self.scratch, self.final)
        return record

    def _look_ahead(self) -> Ahead:
        self.tell("checking", "what it needs and what there is")
        ahead = look_ahead(self.asked)
        if ahead.problems:
            raise ExportFailed("; ".join(ahead.problems))
        return ahead

    def _fetch(self, ahead: Ahead) -> Ahead:
        """Get the base model, and look ahead again with what is known of it then."""
        self.tell("downloading", f"the base model {ahead.fetches}")
        try:
            fetch(ahead.fetches, self._moved, with_code=file.load_as_written(self.run.session).model.trust_remote_code)
        except ExportFailed as failed:
            if self.asked.to != "adapter":
                raise
            return replace(ahead, unprovable=failed.text)
        return self._look_ahead()

    def _write(self, ahead: Ahead) -> tuple[str, ...]:
        """Write the files, and return what their user should know."""
        if self.asked.to == "adapter":
            self.tell("writing", "copying the adapter", 0, ahead.result_bytes)
            for path in model_files(ahead.source):
                self._copy(path, ahead.result_bytes)
            return ()
        told = Child(WRITE, self.folder, self.scratch).work(
            self._environment(on_gpu=ahead.place == "gpu"), lambda: self._count(ahead.disk_bytes)
        )
        return tuple(told)

    def _prove(self, ahead: Ahead) -> tuple[Proof, ...]:
        """Load it again in a fresh process and let it speak; what cannot be loaded at all is no export."""
        if ahead.unprovable:
            return (Proof("", "transformers", why_not=ahead.unprovable),)
        self.tell("proving", "loading the run without Unsloth, to hear what it says")
        try:
            where = self._environment(on_gpu=ahead.proves_on_gpu)
            told = Child(PROVE, self.folder, self.scratch).work(where, self.look_up)
        except ExportFailed as failed:
            if failed.memory:
                why_not = f"it could not be loaded again: {advised(failed.text, failed.advice)}"
                return (Proof("", "transformers", why_not=why_not),)
            raise ExportFailed(f"it was written, but cannot be loaded again: {failed.text}", failed.advice) from failed
        return _PROOFS.validate_python(told)

    def _push(self, record: Record) -> None:
        """Send it to the hub; whatever happens there, the export stays here."""
        try:
            told = Child(PUSH, self.folder, self.final).work({}, self.look_up)
        except Cancelled:
            text = "the upload was cancelled; what the hub has of it by now is no commit"
            self.emit(events.Warned(code="push", text=text))
            return
        except ExportFailed as failed:
            raise ExportFailed(f"it lies in {self.final}, but was not pushed: {failed.text}", failed.advice) from failed
        write_record(self.final, replace(record, pushed=Pushed(**told)))

    # ---- its parts

    def _environment(self, *, on_gpu: bool) -> dict[str, str]:
        """Where the children compute, and where they find llama.cpp."""
        found = {} if on_gpu else {"UNSLOTH_FORCE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
        if self.asked.to == "gguf":
            here = llama_cpp_folder()
            # what is here is never replaced: Unsloth would delete the folder to fetch another llama.cpp
            fetches = here is None and (self.asked.fetch_llama_cpp or may_be_fetched())
            found["UNSLOTH_AUTO_INSTALL"] = "1" if fetches else "0"
            found |= {"UNSLOTH_LLAMA_CPP_PATH": str(as_unsloth_wants(here))} if here else {}
        return found

    def _count(self, total: int | None) -> None:
        """Say how much lies there by now."""
        self.look_up()
        if time.monotonic() >= self._told + TELL_S:
            self._told = time.monotonic()
            if done := folder_bytes(self.scratch):
                self.emit(ExportMoved(bytes_done=done, bytes_total=total))

    def _moved(self, done: int, total: int) -> None:
        """Say how much of this stage is done."""
        self.look_up()
        if time.monotonic() >= self._told + TELL_S or done == total:
            self._told = time.monotonic()
            self.emit(ExportMoved(bytes_done=done, bytes_total=total))

    def _copy(self, path: Path, total: int | None) -> None:
        with path.open("rb") as source, (self.scratch / path.name).open("wb") as target:
            while piece := source.read(CHUNK_BYTES):
                target.write(piece)
                self._count(total)

    def _tidy(self) -> None:
        """Leave nothing half-written behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        try:
            self.run.exports.rmdir()  # only when it is empty
        except OSError:
            return
