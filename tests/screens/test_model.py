"""Somebody finds a model by a few letters, goes on from a run, picks the GPUs, and is told what the hub does not give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, SelectionList

from tests import hub_server
from tests.hub_repos import TOKEN, Hub
from tests.screens.conftest import GPU, settled, until
from tests.screens.test_forms import calm, told
from tui.app import UnslothTui
from tui.machine import gpu
from tui.machine.readings import GpuUser
from tui.run import pace
from tui.run.folder import RunFolder
from tui.screens.dialogs import gpus
from tui.screens.dialogs.ask import TextDialog
from tui.screens.dialogs.gpus import GpuChoice
from tui.session import file
from tui.session.schema import Session

hub = hub_server.hub


def lines(app: UnslothTui) -> list[str]:
    listed = app.screen.query_one("#models", OptionList)
    return [str(listed.get_option_at_index(at).prompt) for at in range(listed.option_count)]


async def test_a_few_letters_and_enter_take_the_best_match() -> None:
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"qwn3 4b ins")
        await calm(pilot)
        assert "unsloth/Qwen3-4B-Instruct-2507" in lines(app)[0]
        await pilot.press("enter")
        await until(pilot, lambda: app.session.model.name == "unsloth/Qwen3-4B-Instruct-2507")
        await settled(pilot)
        assert "cannot be looked up" in told(app, "#card"), "there is no hub here, and that is said"


async def test_what_the_hub_does_not_give_stands_above_the_list_and_in_nobodys_way() -> None:
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"llama")
        await until(pilot, lambda: "the hub cannot be searched" in str(app.screen.query_one("#count").render()))
        assert lines(app)


async def test_a_path_is_not_taken_for_letters(desk: Session, tmp_path: Path) -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).value = "./tiny"
        app.screen.query_one("#name", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "architecture" in told(app, "#card"))
        assert app.session.model.name == "./tiny"


async def test_the_result_of_a_run_is_trained_on(demo_run: RunFolder) -> None:
    demo_run.adapter.mkdir()
    (demo_run.adapter / "adapter_config.json").write_text("{}")
    app = UnslothTui()
    async with app.run_test() as pilot:
        await until(pilot, lambda: any(demo_run.name in line for line in lines(app)))
        app.screen.query_one("#name", Input).value = "demo"
        await calm(pilot)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.session.lora.continue_from == str(demo_run.path))
        assert app.session.model.name == file.load(demo_run.session).model.name
        await pilot.press("ctrl+z")
        await until(pilot, lambda: app.session.lora.continue_from is None)


async def test_each_model_says_whether_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "read_gpus", lambda: (GPU,))  # 20 GiB of 140 are free
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        said = {line.split("\n")[0]: line for line in lines(app)}
        assert "✓ fits" in said["unsloth/Qwen3-4B"]
        assert "✗ too big" in said["unsloth/Llama-3.1-405B"] if "unsloth/Llama-3.1-405B" in said else True
        assert any("✗ too big" in line for line in said.values())


async def test_the_gpus_of_a_run_are_chosen_by_name_and_their_users_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    user = GpuUser(1234, "python", 7 << 30)
    choices = [GpuChoice(GPU, "GPU-0a", (user,)), GpuChoice(GPU, "GPU-0b")]
    monkeypatch.setattr(gpus, "list_gpus", lambda: choices)
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: app.screen.query(SelectionList))
        listed = app.screen.query_one(SelectionList)
        assert "python (1234) 7 GiB" in str(listed.get_option_at_index(0).prompt)
        await pilot.press("space", "down", "space", "enter")
        await until(pilot, lambda: app.session.model.device == "GPU-0a,GPU-0b")
        assert app.session.processes == 2
        await pilot.press("f9")
        await until(pilot, lambda: app.screen.query(SelectionList))
        await pilot.press("space", "down", "space", "enter")
        await until(pilot, lambda: app.session.model.device == "auto")
        assert app.session.processes == 1


def test_a_run_that_took_more_than_predicted_corrects_the_next_prediction(
    home: Path, hollow_model: Callable[..., Path]
) -> None:
    from tui.catalog.shape import shape_from_config
    from tui.run import events
    from tui.run.folder import create_run
    from tui.run.forecast import Ground

    config = {"num_hidden_layers": 16, "hidden_size": 2048, "num_attention_heads": 32, "vocab_size": 128256}
    session = file.from_table({"model": {"name": str(hollow_model())}, "data": {"source": "x"}})
    ground = Ground(shape_from_config(config), gpu=GPU)
    assert pace.memory_factor(session, ground) is None
    predicted = ground.forecast(session)
    assert predicted is not None and not predicted.measured
    folder = create_run(session)
    plan = events.Planned(
        steps=1, epochs=1, examples=1, held_out_examples=0, trained_parameters=1, all_parameters=1, device=GPU.name
    )
    peak = int(predicted.total_bytes * 1.2)
    memory = events.MemoryMeasured(moment="trained", used_bytes=peak, peak_bytes=peak, total_bytes=2 * peak)
    folder.events.write_text("".join(events.to_line(event) for event in (plan, memory)))
    assert pace.memory_factor(session, ground) == pytest.approx(1.2, rel=1e-6)


async def test_a_model_under_the_cursor_is_looked_at_before_it_is_taken(hub: Hub) -> None:
    hub.add("owner/model", licence="mit")
    hub.add("owner/model-two", licence="apache-2.0")
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"owner/model")
        await until(pilot, lambda: any("owner/model-two" in line for line in lines(app)))
        app.screen.query_one("#models", OptionList).focus()
        at = next(at for at, line in enumerate(lines(app)) if line.startswith("owner/model-two"))
        app.screen.query_one("#models", OptionList).highlighted = at
        await until(pilot, lambda: "apache-2.0" in told(app, "#card"))
        assert "Enter takes it" in str(app.screen.query_one("#headline").render())
        assert "context" in lines(app)[at] and "apache-2.0" in lines(app)[at]
        assert app.session.model.name != "owner/model-two"


async def test_a_model_on_the_hub_is_found_looked_at_and_fetched(hub: Hub) -> None:
    hub.add("owner/model")
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"model")
        await until(pilot, lambda: any("owner/model" in line for line in lines(app)))
        app.screen.query_one("#name", Input).value = "owner/model"
        await pilot.press("enter")
        await until(pilot, lambda: "licence" in told(app, "#card"))
        assert "architecture" in told(app, "#card")
        await pilot.press("f8")
        await until(pilot, lambda: "it is here now" in told(app, "#download"), 20)
        await until(pilot, lambda: any("owner/model" in line and "hub cache" in line for line in lines(app)))


async def test_a_token_is_checked_used_and_kept_only_if_wanted(hub: Hub, home: Path) -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("ctrl+k")
        await until(pilot, lambda: app.screen.query("TokenDialog Input, .dialog Input"))
        entry = app.screen.query_one(Input)
        entry.value = "hf_wrong"
        await pilot.press("enter")
        await until(pilot, lambda: "token" in told(app, ".complaint") and "asking" not in told(app, ".complaint"))
        assert "hf_wrong" not in told(app, ".complaint")
        entry.value = TOKEN
        await pilot.press("enter")
        await until(pilot, lambda: not app.screen.query(".dialog"))
    kept = [path for path in home.parent.rglob("*") if path.is_file() and path.stat().st_size < 1_000_000]
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept)


async def test_the_doctor_is_a_command_of_the_palette(home: Path) -> None:
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        assert "Doctor" in [command.title for command in app.get_system_commands(app.screen)]
        app.action_doctor()
        await until(pilot, lambda: isinstance(app.screen, TextDialog), 20)
        assert "torch: " in app.screen.text and "GPU" in app.screen.text.split("\n")[0]  # type: ignore[attr-defined]


async def test_a_folder_that_holds_models_lists_them(tmp_path: Path, hollow_model: Callable[..., Path]) -> None:
    (tmp_path / "store").mkdir()
    for name in ("first-1B", "second-2B"):
        hollow_model(name).rename(tmp_path / "store" / name)
    app = UnslothTui()
    async with app.run_test() as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        app.screen.query_one("#name", Input).value = str(tmp_path / "store")
        await until(pilot, lambda: [line.split("\n")[0] for line in lines(app)] == ["first-1B", "second-2B"])
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.session.model.name == str(tmp_path / "store" / "second-2B"))


async def test_more_than_a_page_of_the_hub_can_be_had(hub: Hub) -> None:
    for number in range(60):
        hub.add(f"owner/found-{number:02}", {"config.json": b"{}"})
    app = UnslothTui()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).focus()
        await pilot.press(*"found-")
        await until(pilot, lambda: "… more from the hub" in lines(app))
        assert len(lines(app)) == 51
        await pilot.press("down", "end", "enter")
        await until(pilot, lambda: len(lines(app)) == 60)
