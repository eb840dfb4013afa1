"""What is written for people is true: commands can be typed, recipes can be trained, tables and links are up to date."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from tui import cli, json_reference, key_table
from tui.run.folder import RunFolder
from tui.run.preflight import preflight
from tui.session import file

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = [README, CONTRIBUTING, *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.toml"))
SPOKEN = re.compile(r"(?<![\w/.-])unsloth-tui((?: [^\s`#&|;]+)*)")
"""A command as it stands in a block or between backticks."""
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
MARKERS = {line.partition(":")[0] for line in PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]}
COMMANDS: Any = typer.main.get_command(cli.app)
WORDS = {"SESSION.toml": "a.toml", "STEP": "3", "N": "3", "KIND": "gguf", "FILE": "a.svg", "same|fastest": "same"}


def commands() -> list[str]:
    """Every command of the pages, as it stands there: in a block up to its explanation, or between backticks."""
    found: dict[str, None] = {}
    for page in PAGES:
        fenced = False
        for line in page.read_text(encoding="utf-8").splitlines():
            fenced ^= line.startswith("```")
            block = [re.split(r"(?<=\S)  ", line.strip())[0]] if fenced or line.startswith("    ") else []
            for text in block or re.findall(r"`(unsloth-tui[^`]*)`", line):
                found |= {told.strip(): None for told in SPOKEN.findall(text)}
    return [told.partition(" >")[0] for told in found if told]


def arguments(told: str) -> list[str]:
    """What would be typed: the optional parts are left in, words in capitals stand for something."""
    words = shlex.split(told.replace("[", "").replace("]", "").replace("...", ""))
    return [WORDS.get(word, "first" if "|" in word and word.islower() else word) for word in words]


def parse(command: Any, words: list[str]) -> None:
    """Let the real command line take the words, without doing anything. Raises a usage error."""
    if words and words[0] in getattr(command, "commands", {}):
        parse(command.commands[words[0]], words[1:])
    else:
        command.make_context(command.name, list(words))


@pytest.mark.parametrize("told", commands())
def test_a_command_that_is_written_down_can_be_typed(told: str) -> None:
    words = arguments(told)
    assert words[0] in COMMANDS.commands or words[0].endswith(".toml"), f"there is no command {words[0]}"
    if len(words) > 1 and words[0] in COMMANDS.commands:  # a name alone is spoken of, not typed
        parse(COMMANDS, words)


def other_commands() -> list[str]:
    """The lines of the pages that are typed for other programs."""
    blocks = [
        line.strip().partition("  ")[0]
        for page in (README, CONTRIBUTING)
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.match(r"    (?:[A-Z_]+=\S+ )?(?:uv|pip|cmake) ", line)
    ]
    spoken = re.findall(r"`((?:uv|python) [^`]+)`", "".join(page.read_text(encoding="utf-8") for page in PAGES))
    return [*dict.fromkeys([*blocks, *spoken])]


@pytest.mark.parametrize("told", other_commands())
def test_what_is_typed_for_other_programs_names_what_there_is(told: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", told]).returncode == 0
    words = shlex.split(told)
    for before, word in pairwise(words):
        if re.match(r"(?:~/unsloth-tui/|tests/|bench/|docs/)", word):
            assert (ROOT / word.removeprefix("~/unsloth-tui/")).exists(), word
        if before == "--extra":
            assert word in PROJECT["optional-dependencies"], word
        if before == "-m" and "pytest" in words:
            assert word.removeprefix("not ") in MARKERS, word
        elif before == "-m":
            assert importlib.util.find_spec(word), word


def test_every_command_is_written_down_in_the_readme() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    shown = [name for name, command in COMMANDS.commands.items() if not command.hidden]
    assert len(shown) > 20 and not [name for name in shown if f"unsloth-tui {name}" not in readme]


def test_cheap_commands_work(demo_run: RunFolder) -> None:
    recipe = str(ROOT / "docs" / "recipes" / "small-gpu.toml")
    for words in (
        ["runs"],
        ["trash"],
        ["queue"],
        ["exports"],
        ["diff", recipe],
        ["watch", "demo"],
        ["export", "x", "--quant", "list"],
    ):
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)


@pytest.fixture
def demo_run(home: Path) -> RunFolder:
    folder = RunFolder(home / "runs" / "demo")
    folder.path.mkdir(parents=True)
    folder.session.write_text((ROOT / "sample_data" / "shell.toml").read_text())
    folder.events.write_bytes((ROOT / "tests" / "recorded" / "demo-events.jsonl").read_bytes())
    return folder


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_complete(path: Path, hollow_model: Callable[..., Path]) -> None:
    """Everything but the model, which is on the hub, is looked at as before a real run."""
    session = file.load(path)
    folder = hollow_model(num_hidden_layers=2, hidden_size=64, vocab_size=600, max_position_embeddings=65536)
    assert [str(it) for it in preflight(file.replace_value(session, "model.name", str(folder))) if it.blocking] == []


def test_the_cookbook_names_every_recipe() -> None:
    cookbook = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    assert len(RECIPES) == 6 and all(path.name in cookbook for path in RECIPES)


def test_the_tables_of_keys_are_up_to_date() -> None:
    readme = key_table.README.read_text(encoding="utf-8")
    stale = "the keys are others by now; run: python -m tui.key_table"
    assert key_table.with_table(readme) == readme and key_table.page() == key_table.PAGE.read_text(encoding="utf-8"), stale


def test_the_page_of_events_is_up_to_date() -> None:
    stale = "events, commands or output are others by now; run: python -m tui.json_reference"
    assert json_reference.reference() == json_reference.PLACE.read_text(encoding="utf-8"), stale


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_command_that_takes_json_is_named_with_what_it_tells() -> None:
    taking = {name for name, command in COMMANDS.commands.items() if any("--json" in it.opts for it in command.params)}
    (line,) = re.findall(r"(.*) take `--json`", (ROOT / "docs" / "headless.md").read_text(encoding="utf-8"))
    told = re.findall(r"`(\w+) --json`", json_reference.OUTPUTS)
    assert set(re.findall(r"`(\w+)`", line)) == taking == set(told)


def test_the_two_commands_of_the_readme_stay() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert "pip install uv && uv run --extra demo unsloth-tui demo " in readme and "\n    uv run pytest " in readme
