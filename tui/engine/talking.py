"""What an engine does when it is talked to: it has one model in memory, and changes it for another one when asked."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.catalog.local import ModelError, read_model
from tui.engine.chat_models import check_memory, elsewhere, source_of
from tui.engine.control import Control
from tui.engine.emit import Emit
from tui.engine.failures import explain, is_out_of_memory
from tui.engine.inspecting import IMPORTING
from tui.run import events
from tui.run.commands import AnswerSet, Chat, ShowPrompt
from tui.run.folder import RunFolder
from tui.words import advised, size

if TYPE_CHECKING:
    from tui.engine.chat_models import Source
    from tui.engine.loading import Loaded
    from tui.engine.remembering import Memory

TalkJob = Chat | ShowPrompt | AnswerSet
NO_MEMORY = "{why}. Leave out the oldest turns, ask for a shorter answer, or load it in 4-bit or on another device"


class Talk:
    """The model that is talked to. One thread calls it."""

    def __init__(self, folder: RunFolder, control: Control, emit: Emit) -> None:
        self.own = str(folder.path) if folder.session.is_file() else ""
        """What is talked to when nothing is named: the run of this engine; nothing in a workbench."""
        self.control, self.emit = control, emit
        self.loaded: Loaded | None = None
        self._four_bit: bool | None = None
        """How it was asked to be loaded."""
        self._memory: Memory | None = None

    def take(self, loaded: Loaded) -> None:
        """Talk to what this engine has just trained, and say that one can."""
        loaded.name = self.own
        self.loaded = loaded
        self._free()  # of the training
        self._say_ready(loaded)

    def do(self, job: TalkJob) -> None:
        """Answer one job, or say why there is no answer; the engine lives on whatever happens."""
        try:
            match job:
                case Chat():
                    self._chat(job)
                case ShowPrompt():
                    self._show_prompt(job)
                case AnswerSet():
                    self._answer_set(job)
            return
        except Exception as error:
            self.emit(events.PhaseChanged(phase="ready"))
            refuse(job, self._reason(error), self.emit, getattr(error, "offers", ()))
        self._free()

    def _reason(self, error: Exception) -> str:
        failure = explain(error)
        if is_out_of_memory(error):
            return NO_MEMORY.format(why=failure.text)
        return advised(failure.text, failure.advice)

    def _chat(self, job: Chat) -> None:
        loaded = self._ready(job.model, job.load_in_4bit)
        from tui.engine.chatting import answer

        self._add_other(loaded, next((it.adapter for it in job.speakers if it.voice == "other"), ""))
        answer(loaded, job, self.emit, partial(self.control.unwanted, job.id), self._memory_of(loaded))

    def _show_prompt(self, job: ShowPrompt) -> None:
        tokenizer, data = self._tokenizer(job)
        from tui.engine.showing import shown

        self.emit(shown(job, tokenizer, data))

    def _answer_set(self, job: AnswerSet) -> None:
        loaded = self._ready(job.model, job.load_in_4bit)
        from tui.engine.answering import answer_set

        self._add_other(loaded, job.adapter if "other" in job.voices else "")
        answer_set(job, loaded, self.emit, partial(self.control.unwanted, job.id))
        self.emit(events.PhaseChanged(phase="ready"))

    def _tokenizer(self, job: ShowPrompt) -> tuple[Any, Any]:
        """The tokenizer of a model, and how the rows were read it was trained on; the model itself is not loaded for it."""
        if self.loaded and self._is_loaded(job.model or self.own, job.load_in_4bit):
            return self.loaded.tokenizer, self.loaded.data
        source = source_of(self._named(job.model))
        self._import()
        from tui.engine.loading import load_tokenizer

        data = source.session.data
        return load_tokenizer(source.session, source.place), data if data.source else None

    def _ready(self, name: str, four_bit: bool | None) -> Loaded:
        """The model of that name in memory; the one that was there before makes room first. Raises ModelError."""
        wanted = self._named(name)
        if self.loaded and self._is_loaded(wanted, four_bit):
            return self.loaded
        source = source_of(wanted, four_bit)
        self._import()
        self.loaded = None
        self._free()
        self.loaded, self._four_bit = self._load(source), four_bit
        self._say_ready(self.loaded)
        return self.loaded

    def _named(self, name: str) -> str:
        found = name or self.own or (self.loaded.name if self.loaded else "")
        if not found:
            raise ModelError("no model is loaded, and none was named")
        return found

    def _is_loaded(self, name: str, four_bit: bool | None) -> bool:
        """Whether that is in memory, loaded in this way."""
        if self.loaded is None or (name and name != self.loaded.name):
            return False
        return four_bit in (None, self._four_bit, self.loaded.four_bit)

    def _import(self) -> None:
        if "unsloth" not in sys.modules:
            self.emit(events.PhaseChanged(phase="importing", text=IMPORTING))
        import unsloth  # noqa: F401

    def _load(self, source: Source) -> Loaded:
        from tui.engine.loading import free_memory, load_model

        title = Path(source.name).name if source.run or source.place.startswith("/") else source.name
        free, here, index = free_memory()
        how = "4-bit" if source.session.model.load_in_4bit else "8-bit" if source.session.model.load_in_8bit else "16-bit"
        self.emit(events.PhaseChanged(phase="loading", text=f"loading {title} in {how}; {here} has {size(free)} free"))
        check_memory(source, free, here, elsewhere(index))
        loaded = load_model(source.session, source.place)
        loaded.name, loaded.tuned = source.name, bool(source.run) or hasattr(loaded.model, "peft_config")
        self.emit(events.PhaseChanged(phase="ready"))
        return loaded

    def _say_ready(self, loaded: Loaded) -> None:
        from tui.engine.loading import measure_memory

        measured = measure_memory("loaded")
        self.emit(
            events.ModelReady(
                model=loaded.name,
                device=loaded.device,
                used_bytes=measured.used_bytes,
                total_bytes=measured.total_bytes,
                context_tokens=loaded.context_tokens,
                has_base=loaded.has_adapter,
                has_template=loaded.writer.has_template,
                four_bit=loaded.four_bit,
            )
        )

    def _add_other(self, loaded: Loaded, adapter: str) -> None:
        """Load a second adapter beside the first, in place of another one that may be there. Raises ModelError."""
        if not adapter:
            return
        place = source_of(adapter).place
        if loaded.other == place:
            return
        from tui.engine.loading import load_other

        load_other(loaded, place, read_model(place).adapter_of)
        self._memory_of(loaded).forget("other")

    def _memory_of(self, loaded: Loaded) -> Memory:
        """What the voices of this model have read."""
        from tui.engine.remembering import Memory

        self._memory = self._memory or Memory(loaded.model.device.type)
        return self._memory

    def _free(self) -> None:
        """Give back what is not needed any more: what was read, what an error held on to, what torch keeps in reserve."""
        self._memory = None
        gc.collect()
        if "torch" in sys.modules:
            import torch

            torch.cuda.empty_cache()


def refuse(job: TalkJob, text: str, emit: Callable[[events.Event], None], offers: tuple[str, ...] = ()) -> None:
    """Say why there is no answer, and how there would be one."""
    match job:
        case Chat():
            for speaker in job.speakers:
                emit(events.Replied(id=job.id, voice=speaker.voice, done=True, error=text, offers=offers))
        case ShowPrompt():
            emit(events.PromptShown(id=job.id, error=text))
        case AnswerSet():
            emit(events.Answered(id=job.id, done=True, error=text))
