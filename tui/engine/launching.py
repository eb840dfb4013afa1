"""Starts the processes of a run under PyTorch's elastic agent, as torchrun does, and says which of them ended the others."""

from __future__ import annotations

import os
import signal
import socket
import sys
from datetime import timedelta

from torch._C._distributed_c10d import PrefixStore, TCPStore
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousInfo, rendezvous_handler_registry
from torch.distributed.elastic.rendezvous.api import RendezvousStoreInfo
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tui.engine.emit import emitter
from tui.engine.notify import notify_of
from tui.engine.retry import LAUNCHED
from tui.engine.supervise import asked_by_sigterm, explain_death
from tui.machine.host import oom_kills
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.state import fold_all
from tui.run.watcher import read_events
from tui.session.schema import Session

HERE = "127.0.0.1"


class OneBox(RendezvousHandler):  # type: ignore[misc]
    """The meeting place of the processes of one box: a store that only this box can reach, on a port that was free."""

    def __init__(self, name: str) -> None:
        door = socket.create_server((HERE, 0))  # TCPStore by itself listens on every network of the box
        self.port = door.getsockname()[1]
        self.store = TCPStore(
            HERE, self.port, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60),
            master_listen_fd=door.detach(),
        )  # fmt: skip
        self.name = name

    @property
    def use_agent_store(self) -> bool:
        return True

    def next_rendezvous(self) -> RendezvousInfo:
        return RendezvousInfo(PrefixStore(self.name, self.store), 0, 1, RendezvousStoreInfo(HERE, self.port))

    def get_backend(self) -> str:
        return "one-box"

    def get_run_id(self) -> str:
        return self.name

    def is_closed(self) -> bool:
        return False

    def set_closed(self) -> None:
        pass

    def num_nodes_waiting(self) -> int:
        return 0

    def shutdown(self) -> bool:
        return True


rendezvous_handler_registry.register("one-box", lambda parameters: OneBox(parameters.run_id))


def launch(folder: RunFolder, session: Session) -> int:
    """Let so many engine processes work in a folder as its session says, again and again while that is allowed.

    Returns the exit code: 0 done, 1 failed; why stands in the events by then.
    """
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _ask_to_stop(folder))
    emit, restarts, allowed = emitter(folder), 0, session.cluster.max_restarts
    while True:
        kills_before = oom_kills()
        failed = _run_together(folder, session.cluster.nproc_per_node)
        if failed is None:
            return 0
        told = list(read_events(folder))
        last = next((it for it in reversed(told) if not isinstance(it, events.MachineSampled)), None)
        if isinstance(last, events.Changed) and last.by == "retry":
            continue
        if fold_all(told).ended:
            return 1
        rank, failure = failed
        death = explain_death(
            folder, failure.exitcode, oom_kills() > kills_before, f"process {rank + 1} of {session.cluster.nproc_per_node}"
        )
        if restarts >= allowed:
            emit(death)
            notify_of(folder, f"crashed: {death.text}", emit)
            return 1
        restarts += 1
        text = f"{death.text}; the run goes on from its last checkpoint (restart {restarts} of {allowed})"
        emit(events.Warned(code="restarted", text=text, advice=death.advice))
        send(folder, commands.Resume())


def _run_together(folder: RunFolder, processes: int) -> tuple[int, ProcessFailure] | None:
    """Start them and wait for their end; the rank of the one that died first and how, or None when all went well."""
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, "lo")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    os.environ[LAUNCHED] = "1"
    words = ["-P", "-u", "-m", "tui.engine", str(folder.path)]
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id=folder.name, rdzv_backend="one-box", max_restarts=0,
        signals_to_handle="SIGQUIT", logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
    )  # fmt: skip
    try:
        elastic_launch(config, sys.executable)(*words)
    except ChildFailedError as error:
        print(error, file=sys.stderr)
        return _root(error.failures)
    return None


def _ask_to_stop(folder: RunFolder) -> None:
    for command in asked_by_sigterm():
        send(folder, command)


def _root(failures: dict[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """The one that died by itself: the agent ends the others by SIGTERM, and they may fail for want of it."""
    by_signal = {rank: it for rank, it in failures.items() if it.exitcode < 0 and it.exitcode != -signal.SIGTERM}
    return min((by_signal or failures).items(), key=lambda it: it[1].timestamp)
