"""A token is looked for, checked and kept where huggingface_hub does so, and shown nowhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests import hub_server
from tests.hub_repos import OTHER_TOKEN, TOKEN, Hub
from tests.hub_server import unreachable
from tui.catalog.hub import HubError, read_hub_details
from tui.catalog.token import check_token, keep_token, token_source, use_token

hub = hub_server.hub


def refusal(token: str) -> str:
    with pytest.raises(HubError) as caught:
        check_token(token)
    assert "\n" not in str(caught.value) and (not token.strip() or token.strip() not in str(caught.value))
    return str(caught.value)


def test_the_source_is_the_environment_before_the_store(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert token_source() == ""
    keep_token(TOKEN)
    assert token_source() == "hub login"
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    assert token_source() == "environment"


def test_the_user_is_named(hub: Hub) -> None:
    assert (check_token(TOKEN), check_token(f"  {OTHER_TOKEN}\n")) == ("ada", "bob")


def test_a_refused_token_is_said_so(hub: Hub) -> None:
    said = f"the token cannot be checked: the hub refuses your token, log in again with one from {hub.url}/settings/tokens"
    assert refusal("hf_unknown") == said


def test_a_hub_that_gives_no_answer_is_told_from_a_refused_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.refuse("/api/whoami-v2", 429, Retry_After="300")
    assert refusal(TOKEN) == "the token cannot be checked: too many questions to the hub, try again in 5 min 00 s"
    hub.refuse("/api/whoami-v2", 200)
    assert refusal(TOKEN).startswith("the token cannot be checked: what answers at")
    unreachable(monkeypatch)
    assert refusal(TOKEN).startswith("the token cannot be checked: the hub cannot be reached")


@pytest.mark.parametrize("token", ["", "  ", "two words", "a\nb", "hf_\x1b[31m", "hf_ü"])
def test_what_can_be_no_token_is_not_sent(hub: Hub, token: str) -> None:
    assert refusal(token).startswith("that is no token")
    assert not hub.requests


def test_a_token_is_kept_in_the_store_of_the_hub_alone(hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert keep_token(TOKEN) == "ada"
    kept = [path for path in (*tmp_path.rglob("*"), *Path.home().rglob("*")) if path.is_file() and TOKEN in path.read_text()]
    assert sorted(kept) == sorted(Path(path) for path in (constants.HF_STORED_TOKENS_PATH, constants.HF_TOKEN_PATH))
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_kept_token_opens_what_is_gated(hub: Hub) -> None:
    hub.add("owner/model", gated="auto")
    assert read_hub_details("owner/model").refusal
    keep_token(TOKEN)
    assert not read_hub_details("owner/model").refusal


def test_a_refused_token_is_not_kept(hub: Hub) -> None:
    with pytest.raises(HubError, match="refuses your token"):
        keep_token("hf_unknown")
    assert token_source() == ""


def test_a_token_for_this_time_is_written_nowhere(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    use_token(f"{TOKEN}\n")
    hub.add("owner/model", gated="auto")
    assert (os.environ["HF_TOKEN"], token_source()) == (TOKEN, "environment")
    assert not read_hub_details("owner/model").refusal
    assert not Path(constants.HF_TOKEN_PATH).exists()
