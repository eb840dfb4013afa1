"""``unsloth-tui export`` and ``exports``: a run in the forms that other programs take."""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby
from typing import Annotated

import typer

from tui.cli_parts import AsJson, RunName, find, misused, refuse


class To(StrEnum):
    """What a run is written as."""

    adapter = "adapter"
    merged_16bit = "merged-16bit"
    merged_4bit = "merged-4bit"
    gguf = "gguf"


def export(
    name: RunName,
    to: Annotated[list[To] | None, typer.Option("--to", help="As what; several are made one after the other.")] = None,
    quant: Annotated[
        list[str] | None, typer.Option("--quant", help="For gguf: q4_k_m, q8_0 and so on; list names them all.")
    ] = None,
    checkpoint: Annotated[int | None, typer.Option(min=0, metavar="N", help="Take the checkpoint of this update.")] = None,
    push: Annotated[str, typer.Option(metavar="USER/REPO", help="Send it to the hub too, as a private repository.")] = "",
    public: Annotated[bool, typer.Option("--public", help="Make a new repository one that everybody sees.")] = False,
    message: Annotated[str, typer.Option(help="Of the commit on the hub.")] = "",
    revision: Annotated[str, typer.Option(help="A branch on the hub; made where there is none.")] = "",
    base_model: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="What the base model is called on the hub, if it was a folder here.")
    ] = "",
    fetch_llama_cpp: Annotated[
        bool, typer.Option("--fetch-llama-cpp", help="Let Unsloth fetch llama.cpp, and what it needs, if it is not here.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; exports tells how far it is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run in a form that other programs take, load it again, and compare its answers with those of the run."""
    from tui import console, export_console
    from tui.run.export_commands import Push
    from tui.run.export_jobs import request
    from tui.session.quantisations import left_out, offered, refusal

    if quant == ["list"]:
        for it in offered():
            print(console.to_json(it) if as_json else f"{it.name:8} {it.bits:>4} bits a weight; {it.text}")
        for reason, names in groupby(left_out().items(), key=lambda item: item[1]):
            console.say(f"not offered: {', '.join(name for name, _ in names)}: {reason}")
        return
    if not to:
        misused("say as what: --to adapter, merged-16bit, merged-4bit or gguf")
    of_a_push = {"--public": public, "--message": message, "--revision": revision, "--base-model": base_model}
    if not push and (alone := [option for option, told in of_a_push.items() if told]):
        misused(f"{alone[0]} is about what is sent to the hub; it needs --push USER/REPO")
    if quant and To.gguf not in to:
        misused("--quant is about gguf files; it needs --to gguf")
    quantisations = [word.strip().lower() for told in quant or ["q4_k_m"] for word in told.split(",") if word.strip()]
    if To.gguf in to and (wrong := refusal(quantisations)):
        misused(wrong)
    target = Push(push, private=not public, message=message, revision=revision, base=base_model) if push else None
    run = find(name)
    wanted = [
        request(run, kind.value, quantisations, checkpoint, target, fetch_llama_cpp=fetch_llama_cpp)
        for kind in dict.fromkeys(to)
    ]
    if reasons := export_console.refusals(wanted):
        refuse(reasons)
    raise typer.Exit(export_console.export(wanted, as_json=as_json, detached=detach))


def exports(name: RunName = "latest", as_json: AsJson = False) -> None:
    """List what was exported of a run, with its size, what was proven, and a line to copy for each way to use it."""
    from tui import export_console

    export_console.show(find(name), as_json=as_json)
