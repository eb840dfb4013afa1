"""A program and a webhook are told that a run has ended, and nothing they do can harm the run."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tui.engine import notify as notifying
from tui.engine.notify import notify, notify_of, post
from tui.run.events import Evaluated, Event, Failed, Planned, StepDone, Warned, to_line
from tui.run.folder import RunFolder
from tui.session import file

WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('|'.join(sys.argv[2:]))"


def words_to(path: Path, *more: str) -> tuple[str, ...]:
    """A program that writes the words it is called with to a file."""
    return (sys.executable, "-c", WRITE, str(path), *more)


def test_a_program_is_called_with_its_words_and_one_line(tmp_path: Path) -> None:
    told: list[Event] = []
    notify(words_to(tmp_path / "said", "Training"), "run: failed: $(touch here)\n; echo `id`", told.append)
    assert (tmp_path / "said").read_text() == "Training|run: failed: $(touch here) ; echo `id`"
    assert told == []


def test_the_run_names_itself(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "2026-a-run")
    folder.path.mkdir()
    file.save(file.from_table({"run": {"notify": words_to(tmp_path / "said")}}), folder.session)
    notify_of(folder, "completed", lambda event: None)
    assert (tmp_path / "said").read_text() == "2026-a-run: completed"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "exit code 3"),
        (("/there/is/no/such/program",), "No such file"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not end within"),
        ((sys.executable, "\0"), "null byte"),
    ],
)
def test_a_program_that_fails_is_a_warning(words: tuple[str, ...], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "PATIENCE_S", 0.5)
    told: list[Event] = []
    notify(words, "run: completed", told.append)
    (warning,) = told
    assert isinstance(warning, Warned)
    assert complaint in warning.text and words[0] in warning.text


def test_nobody_is_told_where_nobody_is_named_or_the_session_is_damaged(tmp_path: Path) -> None:
    told: list[Event] = []
    folder = RunFolder(tmp_path)
    notify_of(folder, "completed", told.append)
    folder.session.write_text("[run")
    notify_of(folder, "completed", told.append)
    folder.session.write_text("[run]\nnotify = []\n")
    notify_of(folder, "completed", told.append)
    assert told == []


# a webhook


class Hook(HTTPServer):
    """A server that keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answer = 204
        self.silent = threading.Event()
        self.sent: list[tuple[str, Any]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/S3CRET?key=S3CRET"


class Answering(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.sent.append((str(self.headers["Content-Type"]), json.loads(body)))
        if self.server.answer == 0:
            self.server.silent.wait(10)
            return
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The test's output is not the server's log."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.silent.set()
    server.shutdown()
    server.server_close()


def test_a_webhook_is_sent_how_it_ended_and_the_last_figures(tmp_path: Path, hook: Hook) -> None:
    folder = RunFolder(tmp_path / "2026-a-run")
    folder.path.mkdir()
    file.save(file.from_table({"run": {"webhook": hook.address}}), folder.session)
    happened = [
        Planned(time=10, steps=9, epochs=1, examples=9, trained_parameters=1, all_parameters=2, device="cpu"),
        StepDone(time=20, step=3, epoch=0, loss=float("nan"), learning_rate=1e-4, seconds=1),
        Evaluated(time=30, step=3, loss=0.5, perplexity=2, best=True),
        Failed(time=40, code="nan-loss", text="no number"),
    ]
    folder.events.write_text("".join(map(to_line, happened)))
    told: list[Event] = []
    notify_of(folder, "failed: no number: at 3", told.append)
    ((kind, message),) = hook.sent
    assert (kind, told) == ("application/json", [])
    assert message == {
        "text": "2026-a-run: failed: no number: at 3",
        "run": "2026-a-run",
        "outcome": "failed",
        "reason": "no number: at 3",
        "step": 3,
        "steps": 9,
        "loss": None,
        "eval_loss": 0.5,
        "seconds": 30.0,
    }


@pytest.mark.parametrize(
    ("answer", "complaint"), [(500, "it answered 500"), (404, "it answered 404"), (0, "did not answer")]
)
def test_a_webhook_that_fails_is_a_warning(hook: Hook, answer: int, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "WEBHOOK_PATIENCE_S", 0.3)
    hook.answer = answer
    told: list[Event] = []
    post(hook.address, {}, told.append)
    (warning,) = told
    assert isinstance(warning, Warned) and warning.code == "notify"
    assert "the webhook at 127.0.0.1 could not" in warning.text and complaint in warning.text
    assert "S3CRET" not in warning.text


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1/S3CRET", "http://[S3CRET", "http://me:S3CRET@127.0.0.1:1/", "http://127.0.0.1/S3CRET\x7f \0"],
)
def test_of_an_address_that_leads_nowhere_only_the_host_is_told(address: str) -> None:
    told: list[Event] = []
    post(address, {}, told.append)
    (warning,) = told
    assert isinstance(warning, Warned) and "S3CRET" not in warning.text


@pytest.mark.parametrize("address", ["file:///etc/passwd", "hooks.example.com/x", "https://", "ftp://a/b", "http:///x"])
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(file.SessionError, match="begins with http"):
        file.from_table({"run": {"webhook": address}})
