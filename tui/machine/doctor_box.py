"""Checks of Python, the packages, memory, disks, the hub, the terminal and the home of this program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tui import words
from tui.machine import llama_cpp
from tui.machine.box import Disk, Home, Hub, Memory, Packages, Python, Terminal
from tui.machine.finding import Finding

TESTED_PYTHONS = ((3, 11), (3, 12))
VARLEN_TORCH = (2, 12)
"""The first torch whose own attention takes many examples of one row at once, as Unsloth wants it."""
OPTIONAL = ("xformers", "flash-attn")
DISK_LOW_BYTES, DISK_FULL_BYTES = 20 * 2**30, 2 * 2**30
MEMORY_LOW_BYTES, MEMORY_OUT_BYTES = 8 * 2**30, 2 * 2**30
SHARED = ("nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "ceph", "glusterfs", "afs", "9p", "sshfs")
"""File systems that other hosts write to as well."""


def judge_python(python: Python) -> Finding:
    """The interpreter against those that runs were tested with."""
    found = f"{'.'.join(map(str, python.version))} in {python.folder} on {python.system}"
    if python.version[:2] in TESTED_PYTHONS:
        return Finding("python", "ok", found)
    tested = " and ".join(f"{major}.{minor}" for major, minor in TESTED_PYTHONS)
    return Finding("python", "limited", found, f"runs were tested with Python {tested}")


def judge_package(name: str, packages: Packages) -> Finding:
    """One package against the version that this program names, if it names one."""
    key = name.replace("-", "_")
    here, pinned = packages.installed.get(key), packages.pinned.get(key)
    exactly = f"{name}=={pinned}" if pinned else name
    if here is None and name in OPTIONAL:
        return Finding(name, "ok", "not installed, and not needed: Unsloth takes the attention of torch")
    if here is None:
        return Finding(name, "missing", "not installed", f"install {exactly} beside unsloth-tui")
    if pinned and here.partition("+")[0] != pinned:
        slower = name == "torch" and tuple(map(int, re.findall(r"\d+", here)[:2])) < VARLEN_TORCH
        why = "; before 2.12 and without flash-attn, packed and unpadded rows take 1.5 times as long" if slower else ""
        return Finding(name, "limited", here, f"runs were tested with {pinned}: install {exactly}{why}")
    return Finding(name, "ok", here)


def judge_disk(name: str, disk: Disk) -> Finding:
    """Room for checkpoints, for downloads, or for files in between."""
    found = f"{words.size(disk.free_bytes)} free at {disk.path}"
    if disk.free_bytes < DISK_FULL_BYTES:
        return Finding(name, "missing", found, "free some space: nothing can be kept here")
    if disk.free_bytes < DISK_LOW_BYTES:
        return Finding(name, "limited", found, "free some space: checkpoints and models take 1 to 20 GiB each")
    return Finding(name, "ok", found)


def judge_memory(memory: Memory) -> Finding:
    """Main memory, which models pass through on their way to the GPU."""
    found = f"{words.size(memory.available_bytes)} of {words.size(memory.total_bytes)} free"
    if memory.available_bytes < MEMORY_OUT_BYTES:
        return Finding("memory", "missing", found, "end other programs: the libraries alone take 1 to 2 GiB")
    if memory.available_bytes < MEMORY_LOW_BYTES:
        return Finding("memory", "limited", found, "small models only; merging and exporting take the whole model in 16-bit")
    return Finding("memory", "ok", found)


def judge_cores(memory: Memory) -> Finding:
    """Processor cores that this process may run on."""
    few = "tokenising and the window share one core" if memory.cores < 2 else ""
    return Finding("cores", "limited" if few else "ok", str(memory.cores), few)


def judge_hub(hub: Hub) -> Finding:
    """Whether models and datasets can be had from the hub."""
    others = "models and data of this machine can be trained"
    if hub.offline:
        return Finding("hub", "limited", "switched off (HF_HUB_OFFLINE)", f"{others}; unset that to download")
    if hub.problem:
        advice = f"{others}; for downloads check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT"
        return Finding("hub", "limited", f"{hub.endpoint} cannot be reached: {hub.problem}", advice)
    if hub.status is not None and hub.status >= 500:
        return Finding("hub", "limited", f"{hub.endpoint} is out of order ({hub.status})", "try again in some minutes")
    if hub.status is not None and hub.status >= 400:
        advice = "check HF_ENDPOINT, and whether a proxy answers in its place"
        return Finding("hub", "limited", f"{hub.endpoint} answers {hub.status}, as the hub does not", advice)
    return Finding("hub", "ok", f"{hub.endpoint} answers")


def judge_token(source: str) -> Finding:
    """Whether there is a token, by where it comes from."""
    if source:
        return Finding("hub token", "ok", f"from {source}")
    return Finding("hub token", "limited", "none: gated and private models are not given", "hf auth login, or set HF_TOKEN")


def judge_llama_cpp(folder: Path | None) -> Finding:
    """What exporting GGUF needs."""
    if folder:
        return Finding("llama.cpp", "ok", str(folder))
    return Finding("llama.cpp", "missing", "not here: no export to GGUF", llama_cpp.ADVICE)


def judge_terminal(terminal: Terminal) -> Finding:
    """Colours, size, mouse and letters of the terminal that this was typed in."""
    if terminal.size is None:
        return Finding("terminal", "limited", "none", "the commands work without one, the window does not")
    columns, rows = terminal.size
    colours = {0: "no colours", 2**24: "16 million colours"}.get(terminal.colours, f"{terminal.colours} colours")
    mouse = "no mouse" if terminal.term in ("dumb", "unknown", "linux") else "a mouse is likely"
    if terminal.inside:
        mouse = f"inside {terminal.inside}, a mouse if that passes it on"
    found = ", ".join((terminal.term or "no TERM", colours, f"{columns}x{rows}", mouse, terminal.encoding))
    advice = "; ".join(_terminal_advice(terminal))
    return Finding("terminal", "limited" if advice else "ok", found, advice)


def judge_home(home: Home) -> Finding:
    """Whether runs can be kept, and from whom."""
    if home.refused:
        advice = "make it writable, or name another folder in UNSLOTH_TUI_HOME"
        return Finding("home", "missing", f"nothing can be written to {home.path}: {home.refused}", advice)
    if home.mode is None:
        return Finding("home", "ok", f"{home.path}, made when it is needed")
    if home.mode & 0o077:
        return Finding("home", "limited", f"{home.path}, open to others ({home.mode:04o})", f"chmod 700 {home.path}")
    return Finding("home", "ok", f"{home.path}, yours alone")


def judge_locks(home: Home) -> Finding:
    """Whether a run is kept from being started twice."""
    name, local = "file locks", "name a folder on a disk of this machine in UNSLOTH_TUI_HOME"
    if home.refused:
        return Finding(name, "unknown", "nothing can be written there to try it")
    if home.lock_problem:
        return Finding(name, "missing", f"do not hold on {home.file_system or 'this disk'}: {home.lock_problem}", local)
    if home.file_system.removeprefix("fuse.") in SHARED:
        advice = f"runs of other machines are seen by their heartbeat; if that is not wanted, {local}"
        return Finding(name, "limited", f"hold on this machine; {home.file_system} is shared with others", advice)
    return Finding(name, "ok", f"hold on {home.file_system or 'this disk'}")


def _terminal_advice(terminal: Terminal) -> Iterator[str]:
    if terminal.colours == 0:
        yield "set TERM to the kind of this terminal"
    elif terminal.colours < 2**24:
        tmux = " and, in tmux.conf, terminal-features ',*:RGB'" if terminal.inside == "tmux" else ""
        yield f"if it shows 24-bit colours, set COLORTERM=truecolor{tmux}"
    if terminal.size and (terminal.size[0] < 80 or terminal.size[1] < 24):
        yield "make it 80x24 or larger"
    if terminal.encoding.lower().replace("-", "") != "utf8":
        yield "set LANG=C.UTF-8, else the window is painted in ASCII"
