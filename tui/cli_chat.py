"""``unsloth-tui chat``: a run or a model is talked to."""

from __future__ import annotations

from typing import Annotated

import typer

from tui.cli_parts import AsJson, load, refuse, with_options


def chat(
    name: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run, a model folder, or a model on the hub.")],
    prompt: Annotated[str | None, typer.Option(help="Ask this; without it what stdin says, or line by line.")] = None,
    base: Annotated[bool, typer.Option("--base", help="Hear the base model instead of the tuned one.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Hear both.")] = False,
    other: Annotated[str, typer.Option("--with", metavar="ADAPTER", help="Hear another adapter beside it.")] = "",
    checkpoint: Annotated[
        int | None, typer.Option(min=0, metavar="STEP", help="A checkpoint of the run, not its result.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of stdin is a prompt by itself.")] = False,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token each time.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Where an answer is cut.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same answer.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="A text before which an answer is cut off.")] = None,
    load_in_4bit: Annotated[bool | None, typer.Option("--load-in-4bit/--load-in-16bit", help="How it is loaded.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or GPUs by number or UUID, where it is loaded.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Talk to the result of a run, or to any model."""
    from tui import chat_console
    from tui.catalog.local import is_path
    from tui.run.folder import find_run
    from tui.session.schema import Session

    run = find_run(name)
    if run is None and not is_path(name) and "/" not in name:
        refuse([f"there is no run {name}, or more than one, and it names no model (a folder, or owner/model)"])
    chosen = {"temperature": temperature, "max_new_tokens": max_new_tokens, "seed": seed, "stop": tuple(stop or ()) or None}
    voices = chat_console.voices_of(base=base, compare=compare, other=other)
    options = {f"chat.{key}": value for key, value in chosen.items() if value is not None} | {"model.device": device}
    settings = with_options(load(run.session) if run else Session(), options).chat
    wanted = chat_console.Wanted(name, voices, settings, checkpoint, other, load_in_4bit, device, as_json)
    try:
        raise typer.Exit(chat_console.converse(wanted, prompt, apart=lines))
    except chat_console.NothingToTalkTo as error:
        refuse([str(error)])
