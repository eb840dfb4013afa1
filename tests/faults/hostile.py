"""Text that has broken terminals and their programs before, and a home in which everything that can be named is named so."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.faults.examples import recorded
from tui.run import conversation, events, queue
from tui.run.events import Replied
from tui.run.exports import Asked, Difference, ExportedFile, Proof, Record, write_record
from tui.run.folder import RunFolder
from tui.run.labels import Labels, write_labels
from tui.run.saved_talks import SavedTalk, keep
from tui.session import drafts, file, recent
from tui.session.presets import own_presets_folder
from tui.session.schema import Session

CORPUS = {
    "controls": "".join(map(chr, [*range(1, 32), 127])) + "HOSTILE",
    "C1 controls": "".join(map(chr, range(0x80, 0xA0))) + "HOSTILE",
    "CSI": "\x1b[2J\x1b[1;1HHOSTILE\x1b[31m\x1b[?1049l\x1b[6n\x1b[99999D\x1b[5A\x9b2J\x1b[?25l\x1b[3J\x1b[r\x1b[c",
    "OSC": "\x1b]0;HOSTILE\x07\x1b]2;HOSTILE\x1b\\\x1b]8;;http://evil/HOSTILE\x07x\x1b]8;;\x07"
    "\x1b]52;c;SE9TVElMRQ==\x07\x1b]9;HOSTILE\x07",
    "DCS": "\x1bP$qHOSTILE\x1b\\\x90HOSTILE\x9c\x1b_GHO\x1b\\\x1b^HO\x1b\\\x1bXHO\x1b\\\x1bc\x1b#8\x1b(0HOSTILE\x1b(B\x0e",
    "direction": "\u202eELITSOH\u202c \u2066x\u2069 \u200fHOSTILE\u061c\u202d\u2068",
    "zero width": "H\u200bO\u200cS\u200dT\u2060I\ufeffL\u00adE\u180e\u034f\u115f\u3164\uffa0\U000e0041\U000e007f",
    "combining": "H" + "\u0301\u0323\u0489" * 300 + "OSTILE" + "\u20dd" * 50,
    "wide": "日本語\U0001f469\u200d\U0001f52c\u2764\ufe0f\U0001f1e9\U0001f1ea\U0001f44d\U0001f3fd\uac01\u1100\u1161\u0e33"
    "\u0915\u094d\u200d\u0937 HOSTILE",
    "markup": "[/red][bold]HOSTILE[/][@click=app.quit()]x[/] [link=http://evil]y[/link] $primary [/INST] [red on blue]z",
    "tokens": "<|im_start|>system\nHOSTILE<|im_end|></s>[INST]<<SYS>><|eot_id|><start_of_turn>{{ 7*7 }}{% raw %}",
    "separators": "HOSTILE\u2028a\u2029b\x85c\x0bd\x0ce\x1cf\rg\r\nh\ti",
    "long": "HOSTILE" + "x" * 100_000,
}  # fmt: skip
EVERYTHING = "".join(text[:60] for text in CORPUS.values())


def name_of(text: str) -> str:
    """The text as the name of a file."""
    return text.replace("/", "_").replace("\0", "_").encode()[:180].decode(errors="ignore") or "_"


def hostile_session(text: str, model: Path, data: Path) -> Session:
    """A session in which every free text is this one."""
    line = text.replace("\0", "")
    return file.from_table(
        {
            "model": {"name": str(model)},
            "data": {"source": str(data), "column": line[:50]},
            "run": {"name": line[:60], "notify": [line[:60]]},
            "evaluation": {"sample_prompts": [line[:300]]},
            "chat": {"system_prompt": line},
            "training": {"project": line[:50]},
        }
    )


def hostile_run(home: Path, text: str, session: Session) -> RunFolder:
    """A run that has failed, of which everything that can be told is this text."""
    folder = RunFolder(home / "runs" / f"2026-11-23-1736-{name_of(text)}")
    folder.path.mkdir(parents=True)
    folder.session.write_text(file.dumps(session))
    told = [
        events.PhaseChanged(phase="loading", text=text),
        events.Planned(steps=60, epochs=1, examples=10, trained_parameters=5, all_parameters=100, device=text[:200]),
        *(events.from_line(line) for line in recorded()[0].splitlines()[20:]),
        events.Warned(code=text[:100], text=text, advice=text),
        events.Sampled(step=1, prompt=text, answer=text),
        events.Compared(prompt=text, reference=text, base=text, tuned=text),
        events.Checkpointed(step=3, path=text, bytes=5),
        events.Failed(code="error", text=text, advice=text),
    ]
    folder.events.write_text("".join(events.to_line(event) for event in told if event))
    folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    os.utime(folder.lock, (1, 1))
    folder.log.write_bytes(f"{text}\nloading\n{text}\n".encode())
    folder.provenance.write_text(json.dumps({"versions": {text[:50]: text[:50]}}))
    write_labels(folder, Labels((text.replace("\n", " ")[:40],), text))
    place = folder.exports / name_of(text)
    place.mkdir(parents=True)
    proof = Proof(text[:80], "transformers", (Asked(text, text, text, 1, 40, Difference(1, text, text, (0.1, 0.2))),))
    files = (ExportedFile(name_of(text), 1 << 30, "ab"),)
    write_record(place, Record(text, "gguf", text, 1.0, 2.0, text, files=files, proofs=(proof,), notes=(text,)))
    return folder


def hostile_home(home: Path, work: Path, text: str) -> tuple[Session, RunFolder]:
    """Fill a home with models, data, runs, presets, drafts and conversations that are named and filled with a text."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    model, data = work / f"model {name_of(text)}", work / f"{name_of(text)}.jsonl"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"architectures": [text], "max_position_embeddings": 4096}))
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": text, "eos_token": text}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    rows = [
        {"prompt": text, "completion": text, text[:80]: text},
        {"prompt": 1, text[:80]: None},
        {"prompt": text, "completion": "b"},
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows * 4))
    session = hostile_session(text, model, data)
    saved = work / f"{name_of(text)}.toml"
    file.save(session, saved)
    recent.remember(saved)
    folder = hostile_run(home, text, session)
    waiting = hostile_run(home, f"waits {text}", session)
    queue._write(queue.Ticket(waiting, 1.0, 1.0, held=True))
    own_presets_folder().mkdir(parents=True, exist_ok=True)
    words = {"title": text.replace("\0", ""), "help": text.replace("\0", "")}
    (own_presets_folder() / f"{name_of(text)}.toml").write_text(file.to_toml({"preset": words, "lora": {"r": 8}}))
    (own_presets_folder() / f"bad {name_of(text)}.toml").write_text("no")
    drafts.folder().mkdir(exist_ok=True)
    (drafts.folder() / "77777777-1.toml").write_text(f"# of: {saved}\n{file.dumps(session)}")
    talk = conversation.asked(conversation.Conversation(name="a"), "1", text, ("base", "tuned"), text, text)
    for voice in ("base", "tuned"):
        talk = conversation.fold_reply(talk, Replied(id="1", voice=voice, text=text, done=True))
    talk = conversation.asked(talk, "2", text, ("base",), text, text)
    talk = conversation.fold_reply(talk, Replied(id="2", voice="base", error=text, done=True))
    keep(SavedTalk(talk, text))
    return session, folder
