"""The hub is searched a page at a time, and says in one sentence why it is not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from huggingface_hub import constants

from tests import hub_server
from tests.hub_repos import TOKEN, Hub
from tests.hub_server import unreachable, until
from tui.catalog.hub import HubError
from tui.catalog.search import HubRow, Page, search

hub = hub_server.hub


@pytest.fixture
def full(hub: Hub) -> Hub:
    """A hub with some models, the first of them the most downloaded."""
    hub.add("meta/Llama-1B", {}, downloads=90, licence="llama3.2", gated="manual", parameters=1_240_000_000)
    hub.add("meta/Llama-8B", {}, downloads=80, licence="llama3.2", parameters=8_030_000_000)
    hub.add("qwen/Qwen-1B", {}, downloads=70, likes=5, parameters=1_500_000_000)
    hub.add("qwen/Qwen-secret", {}, downloads=60, private=True)
    hub.add("qwen/Qwen-embed", {}, downloads=50, pipeline="feature-extraction")
    hub.add("small/llama-of-mine", {}, downloads=1)
    return hub


def names(page: Page) -> list[str]:
    return [row.name for row in page.rows]


def refusal() -> str:
    with pytest.raises(HubError) as caught:
        search("llama")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_row_says_what_the_hub_says(full: Hub) -> None:
    found = search("llama-1b").rows[0]
    tags = ("safetensors", "transformers", "text-generation", "license:llama3.2")
    changed = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert found == HubRow("meta/Llama-1B", 1_240_000_000, 90, 0, "llama3.2", True, False, changed, tags)


def test_pages_follow_one_another_to_the_last(full: Hub) -> None:
    first = search("", page_rows=3)
    second = search("", page_rows=3, page_token=first.next)
    assert names(first) == ["meta/Llama-1B", "meta/Llama-8B", "qwen/Qwen-1B"]
    assert (names(second), second.next) == (["small/llama-of-mine"], None)


def test_words_owner_licence_and_size_narrow_it(full: Hub) -> None:
    assert names(search("LLAMA")) == ["meta/Llama-1B", "meta/Llama-8B", "small/llama-of-mine"]
    assert names(search("", author="qwen")) == ["qwen/Qwen-1B"]
    assert names(search("", licence="llama3.2")) == ["meta/Llama-1B", "meta/Llama-8B"]
    assert names(search("llama", largest_parameters=2_000_000_000)) == ["meta/Llama-1B", "small/llama-of-mine"]
    assert full.requests[-1].query["num_parameters"] == ["max:2B"]
    assert names(search("llama", author="meta", largest_parameters=900_000_000)) == []
    assert full.requests[-1].query["num_parameters"] == ["max:900M"]
    assert search("nothing like that") == Page((), None)


def test_a_model_larger_than_the_hub_was_asked_for_is_left_out(full: Hub) -> None:
    """The hub rounds."""
    assert names(search("8b", largest_parameters=8_029_999_999)) == []


def test_private_models_are_found_with_the_token_of_their_owner(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(search("secret")) == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert [(row.name, row.private) for row in search("secret").rows] == [("qwen/Qwen-secret", True)]


def test_an_outdated_search_does_not_hold_up_the_next(full: Hub) -> None:
    gate = full.held["/api/models"] = threading.Event()
    answers: list[Page] = []
    slow = threading.Thread(target=lambda: answers.append(search("l")))
    slow.start()
    until(lambda: full.asked("/api/models"))
    del full.held["/api/models"]
    assert names(search("llama-8")) == ["meta/Llama-8B"]
    assert not answers
    gate.set()
    slow.join(5)
    assert len(answers) == 1


def test_why_there_is_no_answer_is_said_in_one_sentence(full: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    full.refuse("/api/models", 429, Retry_After="42")
    assert refusal() == "the hub cannot be searched: too many questions to the hub, try again in 42 s"
    full.refuse("/api/models", 502)
    assert refusal() == "the hub cannot be searched: the hub is out of order (502), try again in some minutes"
    full.refuse("/api/models", 200)
    assert refusal().startswith(f"the hub cannot be searched: what answers at {full.url} is not the hub")
    full.mend()
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert refusal().startswith("the hub cannot be searched: the hub refuses your token, log in again")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal().startswith("the hub cannot be searched: the hub is switched off (HF_HUB_OFFLINE)")


def test_a_hub_out_of_reach_is_said_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable(monkeypatch)
    assert refusal().startswith("the hub cannot be searched: the hub cannot be reached at http://127.0.0.1:1")


def test_a_hub_that_does_not_answer_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.held["/api/models"] = threading.Event()
    monkeypatch.setattr("tui.catalog.hub.WAIT_S", 0.2)
    assert refusal().endswith("(ReadTimeout)")
