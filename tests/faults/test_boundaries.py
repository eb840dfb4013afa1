"""What lies outside stays outside: other people's files, other people's orders, other hosts, a shell."""

from __future__ import annotations

import ast
import os
import stat
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from huggingface_hub import constants

from tests import hub_server
from tests.faults.examples import ROOT
from tests.hub_handler import Handler
from tests.hub_repos import TOKEN, Hub, etag_of
from tests.hub_server import in_url
from tests.lab import poll
from tui.__main__ import main
from tui.catalog import download
from tui.catalog.hub import read_hub_details
from tui.catalog.token import use_token
from tui.resources import secure_home
from tui.run import commands, events, export_jobs, queue, trash
from tui.run.conversation import Conversation
from tui.run.folder import RunFolder, create_run, create_workbench, find_run, list_runs
from tui.run.going_on import why_not
from tui.run.labels import Labels, write_labels
from tui.run.lines import append_line
from tui.run.listing import Listing
from tui.run.process import send, start_engine
from tui.run.saved_talks import SavedTalk, keep
from tui.run.watcher import read_events
from tui.session import consent, drafts, file, recent
from tui.session.presets import own_presets_folder, save_preset

hub = hub_server.hub
SESSION = file.from_table({"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}})
STRANGER = 54321


def called(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Every call in a program: what is called, and its keywords with the value True."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yes = [it.arg or "" for it in node.keywords if isinstance(it.value, ast.Constant) and it.value.value is True]
            yield ast.unparse(node.func), yes


def test_nothing_goes_through_a_shell_and_nothing_read_is_run_as_code() -> None:
    refused = {"os.system", "os.popen", "eval", "exec", "pickle.load", "pickle.loads", "torch.load", "subprocess.getoutput"}
    for path in (ROOT / "tui").rglob("*.py"):
        for name, yes in called(ast.parse(path.read_text())):
            assert name not in refused and "shell" not in yes and "allow_pickle" not in yes, f"{path}: {name}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("how", ["owner", "mode"])
def test_what_somebody_else_has_written_is_not_obeyed(home: Path, how: str) -> None:
    folder = create_workbench()
    send(folder, commands.Release())
    os.chown(folder.commands, STRANGER, STRANGER) if how == "owner" else folder.commands.chmod(0o666)
    engine = start_engine(folder, owner=os.getpid())
    try:
        warned = poll(lambda: [it for it in read_events(folder) if isinstance(it, events.Warned)], 60, "no warning")
        assert "somebody else's" in warned[0].text and engine.poll() is None
        folder.commands.unlink()
        send(folder, commands.Release())
        assert engine.wait(20) == 0
    finally:
        if engine.poll() is None:
            for process in (psutil.Process(engine.pid), *psutil.Process(engine.pid).children(recursive=True)):
                process.kill()


def test_no_engine_starts_in_the_folder_of_somebody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create_run(SESSION)
    (folder.ticket).write_text('{"place": 1, "since": 1, "held": false, "shares": false}')
    assert [ticket.name for ticket in queue.waiting()] == [folder.name]
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        start_engine(folder)
    assert queue.waiting() == []
    assert "belongs to somebody else" in secure_home()


def test_a_home_that_others_may_write_to_is_closed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    home.chmod(0o777)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["unsloth-tui", "runs"])
        with pytest.raises(SystemExit):
            main()
    assert stat.S_IMODE(home.stat().st_mode) == 0o755


def test_whatever_is_written_is_for_its_user_alone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the most open of masks."""
    before = os.umask(0)
    try:
        folder = create_run(SESSION)
        send(folder, commands.Stop())
        queue._write(queue.Ticket(folder, 1.0, 1.0, held=True))
        write_labels(folder, Labels(("a",), "b"))
        Listing().rows()
        monkeypatch.setattr(queue, "start_keeper", lambda: False)
        queue.enqueue(SESSION)
        keep(SavedTalk(Conversation(name="a")))
        drafts.keep_draft(SESSION, None)
        recent.remember(tmp_path / "x.toml")
        consent.agree([consent.Code("run.notify", "x", "y")])
        save_preset(own_presets_folder() / "mine.toml", SESSION)
        trash.delete(create_finished())
        export_jobs.jobs_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = start_engine(create_workbench(), owner=1 << 22)  # there is no such process: it ends at once
        engine.wait(60)
        found = [home, *home.rglob("*")]
        open_ones = [path for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]
        assert not open_ones
        assert len(found) > 20
    finally:
        os.umask(before)


def create_finished() -> RunFolder:
    """A run that has ended."""
    folder = create_run(SESSION)
    append_line(folder.events, events.to_line(events.Finished(outcome="stopped")))
    file.write_atomic(folder.lock, '{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    os.utime(folder.lock, (1, 1))
    return folder


def test_deleting_a_run_that_is_a_link_leaves_what_it_leads_to(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    create_finished().path.rename(elsewhere)
    (home / "runs" / "linked").symlink_to(elsewhere)
    trash.delete(RunFolder(home / "runs" / "linked"))
    assert trash.empty() == 1
    assert (elsewhere / "session.toml").exists() and trash.trashed_runs() == []


@pytest.mark.parametrize("name", ["..", "../..", ".", "/", "/etc", "a\nb", "\0", "../runs/../../x", "~root"])
def test_no_name_of_a_run_leads_out_of_the_runs(home: Path, name: str) -> None:
    create_run(SESSION)
    assert find_run(name) is None


def test_the_name_of_a_run_is_no_path(home: Path) -> None:
    for name in ("../../evil", "/etc/evil", "a\nb", "..", "~", "x" * 60):
        folder = create_run(
            file.replace_values(SESSION, {"run.name": name, "model.name": "../../../m", "data.source": "../d"})
        )
        assert folder.path.parent == home / "runs" and folder.path.name.isprintable()
    assert len(list_runs()) == 6


def test_a_run_folder_from_elsewhere_runs_no_code_of_its_own(home: Path, tmp_path: Path) -> None:
    loss = tmp_path / "loss.py"
    loss.write_text("def f(): pass")
    session = file.replace_values(SESSION, {"training.custom_loss": f"{loss}:f", "run.notify": ["touch", "/tmp/x"]})
    folder = create_run(session)
    folder.events.write_text(
        events.to_line(events.PhaseChanged(phase="training")) + events.to_line(events.Finished(outcome="stopped"))
    )
    assert "nobody has agreed to" in why_not(folder)
    consent.agree(consent.unagreed(session))
    assert why_not(folder) == ""
    loss.write_text("import os")
    assert "the function f of" in why_not(folder)


@pytest.fixture
def elsewhere(tmp_path: Path, hub: Hub) -> Iterator[Hub]:
    """Another host, which would like to have a token."""
    other = Hub(tmp_path / "elsewhere", repos=hub.repos)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Other", (Handler,), {"hub": other}))
    other.url = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield other
    server.shutdown()
    server.server_close()


def test_a_redirect_to_another_host_does_not_take_the_token_along(
    hub: Hub, elsewhere: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub sends large files to other hosts; these must not get to know whose token it is."""
    monkeypatch.setenv("HF_TOKEN", "")
    use_token(TOKEN)
    repo = hub.add("owner/model")
    for name in ("model.safetensors", "config.json"):
        path, here = f"{in_url(repo.name)}{repo.commit}/{name}", repo.folder / name
        told = {
            "X_Linked_Etag": f'"{etag_of(here)}"',
            "X_Linked_Size": str(here.stat().st_size),
            "X_Repo_Commit": repo.commit,
        }
        hub.refuse(path, 302, Location=elsewhere.url + path, **told)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    read_hub_details("owner/model")
    plan = download.make_plan("owner/model")
    download.get(plan, download.Meter(0, lambda *_, **__: None))
    assert elsewhere.requests and any(request.authorized for request in hub.requests)
    assert not any(request.authorized for request in elsewhere.requests)
    assert Path(constants.HF_HUB_CACHE).is_dir()
