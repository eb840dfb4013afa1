"""A loss of one's own is found, or refused in one sentence that says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.engine.custom_loss import load_custom_loss
from tui.engine.failures import explain
from tui.session.file import SessionError


def test_the_function_that_is_named_is_the_one(tmp_path: Path) -> None:
    (tmp_path / "my loss.py").write_text(
        "def other(): return 1\ndef mine(outputs, labels, num_items_in_batch=None): return 2\n"
    )
    assert load_custom_loss(f"{tmp_path}/my loss.py:mine")(None, None) == 2


@pytest.mark.parametrize(
    ("text", "function", "reason"),
    [
        (None, "f", "there is no file"),
        ("def g(): ...", "f", "has no f"),
        ("f = 3", "f", "is a int, not a function"),
        ("def f(:", "f", "SyntaxError"),
        ("import nonsense_that_is_nowhere", "f", "No module named"),
        ("raise SystemExit(0)", "f", "SystemExit"),
        ("1/0", "f", "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_key_and_the_reason(
    tmp_path: Path, text: str | None, function: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loss.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SessionError) as caught:
        load_custom_loss(f"{path}:{function}")
    told = explain(caught.value)
    assert told.code == "bad-session"
    assert told.text.startswith("training.custom_loss: ") and reason in told.text and str(path) in told.text
    assert "\n" not in told.text
