"""Makes the pictures of README.md from the real program, with a run that was recorded: ``python docs/make_pictures.py``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SIZE = (110, 32)
GIB = 2**30
WITHIN_S = 60.0


async def until(pilot: object, true: Callable[[], object]) -> None:
    """Let the window work until a condition holds."""
    for _ in range(int(WITHIN_S / 0.1)):
        await pilot.pause(0.1)  # type: ignore[attr-defined]
        if true():
            return
    raise TimeoutError


def recorded(home: Path) -> Path:
    """A home with one run in it, as a real demo wrote it, and a model to look at."""
    run = home / "runs" / "2026-11-23-1736-demo"
    run.mkdir(parents=True)
    (run / "session.toml").write_text((ROOT / "sample_data" / "shell.toml").read_text())
    (run / "events.jsonl").write_bytes((ROOT / "tests" / "recorded" / "demo-events.jsonl").read_bytes())
    (run / "engine.lock").write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    (run / "adapter").mkdir()
    (run / "adapter" / "adapter_config.json").write_text('{"r": 16}')
    (run / "adapter" / "adapter_model.safetensors").touch()
    os.truncate(run / "adapter" / "adapter_model.safetensors", 19_600_000)  # a hole, as big as that of the demo
    (run / "labels.json").write_text('{"tags": ["shell", "first"], "notes": ""}')
    return run


def model(folder: Path) -> str:
    """A folder with the shape of Qwen3-4B in it, and no weights: enough to be looked at."""
    folder.mkdir()
    shape = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2560, "num_hidden_layers": 36,
        "intermediate_size": 9728, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "vocab_size": 151936, "max_position_embeddings": 262144, "tie_word_embeddings": True,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(shape))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    header = json.dumps({"w": {"dtype": "BF16", "shape": [4_022_468_096], "data_offsets": [0, 8_044_936_192]}}).encode()
    weights = folder / "model.safetensors"
    weights.write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(weights, 8_044_936_192)  # with a hole in it: it takes no room on the disk
    return f"./{folder.name}"


def small(svg: str) -> str:
    """The picture without fonts from elsewhere, and with short numbers."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")
    return re.sub(r'="(\d+\.\d\d)\d+"', r'="\1"', svg)


async def picture(app: object, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    svg = app.export_screenshot(title="unsloth-tui", simplify=True)  # type: ignore[attr-defined]
    (PICTURES / f"{name}.svg").write_text(small(svg))


async def main() -> None:
    home = Path(tempfile.mkdtemp())
    os.environ |= {"UNSLOTH_TUI_HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    os.chdir(home)
    (home / "sample_data").symlink_to(ROOT / "sample_data")
    from tui.machine import gpu as gpus

    gpu = gpus.GpuReading(
        index=0, name="NVIDIA H200", memory_used_bytes=31 * GIB, memory_total_bytes=140 * GIB, utilisation_percent=97,
        temperature_celsius=64, power_watts=612.0, power_limit_watts=700.0, throttled="", other_processes=0,
    )  # fmt: skip
    gpus.read_gpus = lambda: (gpu,)  # before anything else imports it
    from tui.app import UnslothTui
    from tui.machine.host import HostReading
    from tui.machine.sampler import Sampler
    from tui.run import conversation
    from tui.run.conversation import Conversation
    from tui.run.events import Replied
    from tui.run.folder import RunFolder
    from tui.session import file

    host = HostReading(cpu_percent=12.0, cores=16, memory_used_bytes=20 * GIB, memory_total_bytes=128 * GIB)
    Sampler.start = lambda self: setattr(self, "latest", ((gpu,), host))  # type: ignore[method-assign, assignment]
    session = file.from_table(
        {"model": {"name": model(home / "Qwen3-4B-Instruct-2507")}, "data": {"source": "sample_data/shell/train.jsonl"}}
    )
    app = UnslothTui(session, run=RunFolder(recorded(home)))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.run_state.ended)
        await pilot.pause(2)
        await picture(app, "live")
        for key, name in (("f2", "model"), ("f3", "data"), ("f4", "tune"), ("f7", "runs")):
            await pilot.press(key)
            await pilot.pause(2)
            await until(pilot, lambda: not getattr(app.screen, "looks", None))
            await pilot.pause(1)
            await picture(app, name)
        await pilot.press("f6")
        row = next(it for it in app.run_state.compared if it.tuned == it.reference)
        talk = conversation.asked(Conversation(), "1", row.prompt, ("tuned", "base"), "x")
        for voice, text in (("tuned", row.tuned), ("base", row.base)):
            talk = conversation.fold_reply(talk, Replied(id="1", voice=voice, text=text))  # type: ignore[arg-type]
            talk = conversation.fold_reply(talk, Replied(id="1", voice=voice, done=True, ending="end"))  # type: ignore[arg-type]
        talker = app.client.talker
        talker.state = talker.state.__class__(**{**vars(talker.state), "conversation": talk})
        await until(pilot, lambda: app.chat.conversation == talk)
        await pilot.pause(1)
        await picture(app, "chat")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    asyncio.run(main())
