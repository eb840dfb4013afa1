"""Exports told line by line, for terminals without a window."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from tui import console, words
from tui.run import events, export_jobs
from tui.run.export_ahead import look_ahead
from tui.run.export_commands import Export
from tui.run.export_jobs import JobState
from tui.run.exports import Exported, Record, list_exports, proof_words, read_record, record_table, uses
from tui.run.folder import RunFolder
from tui.run.lines import escaped
from tui.run.watcher import follow


def refusals(wanted: Sequence[Export]) -> list[str]:
    """Why these cannot be made here and now; each told with what is needed and what there is."""
    return [f"{asked.name}: {problem}" for asked in wanted for problem in look_ahead(asked).problems]


def export(wanted: Sequence[Export], *, as_json: bool, detached: bool) -> int:
    """Make these one after the other, and tell how far they are. Returns the exit code."""
    for asked in wanted:
        ahead = look_ahead(asked)
        console.say(f"{asked.name} needs: {ahead.told()}")
        for note in ahead.notes:
            console.say(f"note: {note}")
    jobs = [(asked, export_jobs.start(asked)) for asked in wanted]
    if detached:
        for asked, _ in jobs:
            console.say(f"{asked.name} is being made; see: unsloth-tui exports")
        return 0
    codes = []
    try:
        for asked, folder in jobs:
            codes.append(_watch(asked, folder, as_json))
    except KeyboardInterrupt:
        for asked, folder in jobs[len(codes) :]:
            export_jobs.cancel(export_jobs.Job(folder, asked))
        console.say("cancelled; nothing is left of what was not done")
        return 1
    return max(codes, default=0)


def _watch(asked: Export, folder: RunFolder, as_json: bool) -> int:
    """Tell one export from its first event to its end. Returns the exit code."""
    until, state = threading.Event(), JobState()
    told = ""
    for event in follow(folder, until):
        state = export_jobs.fold(state, event)
        if as_json and not isinstance(event, events.EngineSeen):
            print(escaped(events.to_line(event).rstrip("\n")), flush=True)
        elif (line := _line(asked, state)) != told and not state.ended:
            console.say(line)
            told = line
        if state.ended:
            until.set()
    for warning in state.warnings:
        console.say(f"warning: {warning}")
    if state.failure:
        console.say(f"{asked.name}: {state.failure}")
        console.say(f"log: {folder.log}")
    elif state.cancelled:
        console.say(f"{asked.name} was cancelled; nothing is left of it")
    run = RunFolder(Path(asked.run))
    made = read_record(run.exports / asked.name) if state.result else None
    if made is not None:
        _tell(Exported(run.exports / asked.name, made), as_json)
    return 0 if state.result else 1


def _line(asked: Export, state: JobState) -> str:
    """How far it is, without what changes all the time."""
    return console.one_line(f"{asked.name}: {state.stage}{': ' if state.text else ''}{state.text}")


def show(run: RunFolder, *, as_json: bool) -> None:
    """Every export of a run, with a line to copy for each way to use it, and those that are being made."""
    for job in export_jobs.jobs_of(run):
        if not job.state.ended:
            done = f" ({words.size(job.state.bytes_done)})" if job.state.bytes_done else ""
            console.say(f"{_line(job.asked, job.state)}{done}")
    found = list_exports(run)
    if not found:
        console.say(f"nothing was exported of {run.name}; make one with: unsloth-tui export {run.name} --to adapter")
    for exported in found:
        _tell(exported, as_json)


def _tell(exported: Exported, as_json: bool) -> None:
    record = exported.record
    if as_json:
        print(console.to_json(record_table(exported)), flush=True)
        return
    print(console.one_line(f"{record.name:28} {words.size(record.bytes):>9}  {proof_words(record)}"))
    told = [str(exported.path), *differences(record), *(f"note: {note}" for note in record.notes)]
    told += [f"on the hub: {record.pushed.url}"] if record.pushed else []
    told += [f"{program:13} {line}" for program, line in uses(exported).items()]
    for line in told:
        print(f"    {console.one_line(line)}", flush=True)


def differences(record: Record) -> list[str]:
    """Where its answers part from those of the run, with the logits where they are known."""
    told = []
    for proof in record.proofs:
        for it in proof.asked:
            if it.difference is None:
                continue
            one = it.difference
            text = f"{proof.subject or record.name}: {it.prompt!r} differs at token {one.at}"
            text += f" ({it.same} the same): {one.expected!r} became {one.found!r}"
            if one.logits:
                text += f"; logits {one.logits[0]:.3f} and {one.logits[1]:.3f} in the run"
            if one.logits_found:
                text += f", {one.logits_found[0]:.3f} and {one.logits_found[1]:.3f} in the export"
            told.append(text)
    return told
