"""Whatever the hub answers, a person reads what the model is, or one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

from tests import hub_server
from tests.hub_repos import OTHER_TOKEN, TOKEN, Hub, safetensors_header, small_model, sparse_model
from tests.hub_server import unreachable
from tui.catalog.hub import HubError, first_lines, hub_error, read_hub_details, read_hub_model, weights_of
from tui.catalog.local import ModelCard, ModelError

hub = hub_server.hub

NAME = "owner/model"


def refusal(name: str = NAME, revision: str | None = None) -> str:
    with pytest.raises(HubError) as caught:
        read_hub_model(name, revision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_is_known_without_its_weights(hub: Hub) -> None:
    repo = hub.add(NAME)
    size = (repo.folder / "model.safetensors").stat().st_size
    shapes = {"q_proj": ((32, 64),), "up_proj": ((32, 64),)}
    assert read_hub_model(NAME) == ModelCard(
        NAME, "LlamaForCausalLM", 2, 64, 1000, 2048, 4096, size, has_chat_template=True, linears=shapes
    )


def test_details_are_what_the_hub_tells(hub: Hub) -> None:
    repo = hub.add(NAME, licence="mit", downloads=7, likes=3)
    details = read_hub_details(NAME)
    assert details.files == {path: here.stat().st_size for path, here in repo.files().items()}
    assert (details.licence, details.gated, details.private, details.revision) == ("mit", False, False, repo.commit)
    assert (details.downloads, details.likes) == (7, 3)
    assert details.last_modified == datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert details.readme == "# A small model\n\nIt was made for tests."
    assert (details.refusal, details.cached_because) == ("", "")
    assert read_hub_details(NAME, repo.commit) == details


def test_looking_at_a_model_does_not_put_it_into_the_cache(hub: Hub) -> None:
    hub.add(NAME)
    read_hub_details(NAME)
    assert not Path(constants.HF_HUB_CACHE).exists()


def test_a_model_of_which_nothing_is_written_is_a_model(hub: Hub) -> None:
    hub.add(NAME, small_model() | {"README.md": b""})
    details = read_hub_details(NAME)
    assert (details.readme, details.card.layers) == ("", 2)


@pytest.mark.parametrize(("padding", "read"), [(0, 100_001), (150_000, 260_000)])
def test_of_large_weights_only_the_header_is_read(hub: Hub, padding: int, read: int) -> None:
    repo = hub.add(NAME)
    sparse_model(repo.folder, 50_000_000, padding)
    card = read_hub_model(NAME)
    asked = hub.asked("model.safetensors")
    assert card.parameters == 2 * (25_000_000 // 128 * 128 // 2) and card.linears["q_proj"]
    assert all(request.range for request in asked)
    assert sum(request.sent for request in asked) <= read


def test_the_headers_of_all_files_are_read_and_none_of_the_same_weights_in_another_layout(hub: Hub) -> None:
    files = small_model()
    whole = files.pop("model.safetensors")
    parts = {f"model-0000{number}-of-00002.safetensors": whole for number in (1, 2)}
    hub.add(NAME, files | parts | {"consolidated.safetensors": whole, "original/model.safetensors": whole})
    card = read_hub_model(NAME)
    assert (card.parameters, card.size_bytes, len(card.linears["q_proj"])) == (8192, 2 * len(whole), 2)


def test_a_chat_template_is_found_in_either_place(hub: Hub) -> None:
    files = small_model() | {"tokenizer_config.json": b"{}"}
    hub.add("owner/none", files)
    hub.add("owner/own", files | {"chat_template.jinja": b"x"})
    del files["tokenizer_config.json"]
    hub.add("owner/bare", files)
    assert [read_hub_model(f"owner/{name}").has_chat_template for name in ("none", "own", "bare")] == [False, True, False]


@pytest.mark.parametrize("weights", [{"pytorch_model.bin": b"x" * 500}, {"model.safetensors": b"no header"}], ids=list)
def test_pickled_or_damaged_weights_are_a_model_of_unknown_size(hub: Hub, weights: dict[str, bytes]) -> None:
    files = small_model()
    del files["model.safetensors"]
    hub.add(NAME, files | weights)
    card = read_hub_model(NAME)
    assert (card.parameters, card.linears, card.layers) == (None, {}, 2)


def test_a_repository_without_a_config_is_no_model(hub: Hub) -> None:
    hub.add(NAME, {"model.safetensors": safetensors_header(256)})
    with pytest.raises(ModelError, match=f"^{NAME} is no model: it has no config.json$"):
        read_hub_model(NAME)


@pytest.mark.parametrize(
    ("config", "said"),
    [(b"{", "cannot be read: "), (b"[]", "does not hold an object"), (b"[" * 100_000, "cannot be read: ")],
)
def test_a_damaged_config_is_named(hub: Hub, config: bytes, said: str) -> None:
    hub.add(NAME, small_model() | {"config.json": config})
    with pytest.raises(ModelError, match=f"^config.json of {NAME} {said}"):
        read_hub_model(NAME)


def test_a_gated_model_says_where_to_accept_its_licence(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(NAME, gated="manual", licence="llama3.2", parameters=1_240_000_000)
    page = f"accept its licence at {hub.url}/{NAME}"
    assert refusal() == f"{NAME} is gated: {page} and log in with a token from {hub.url}/settings/tokens"
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    assert refusal() == f"{NAME} is gated and not open to you yet: {page}, and see that your token may read gated models"
    details = read_hub_details(NAME)
    assert details.refusal == refusal()
    assert (details.gated, details.licence, details.card.parameters) == (True, "llama3.2", 1_240_000_000)
    assert details.card.architecture == "LlamaForCausalLM" and details.card.size_bytes
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    details = read_hub_details(NAME)
    assert (details.refusal, details.gated, details.card.layers) == ("", True, 2)


def test_a_private_model_cannot_be_told_from_none_without_the_right_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(NAME, private=True)
    said = "there is no model {} on the hub, or it is private and {}: check the name"
    for name in (NAME, "owner/none"):
        assert refusal(name) == said.format(name, "you are not logged in")
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    for name in (NAME, "owner/none"):
        assert refusal(name) == said.format(name, "your token may not read it")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert read_hub_details(NAME).private


def test_a_missing_revision_is_named(hub: Hub) -> None:
    hub.add(NAME)
    assert refusal(NAME, "v2") == f"{NAME} has no revision v2"


@pytest.mark.parametrize("name", ["a/b/c", "owner/", "-x", "a b", "x" * 200])
def test_a_name_that_no_model_can_have_is_refused_without_a_question(hub: Hub, name: str) -> None:
    assert refusal(name) == f"{name} is no name on the hub (owner/model)"
    assert not hub.requests


WRONG: dict[str, tuple[int, dict[str, str], str]] = {
    "asked too often": (429, {"Retry-After": "200"}, "too many questions to the hub, try again in 3 min 20 s"),
    "rate": (429, {"RateLimit": '"api";r=0;t=55'}, "too many questions to the hub, try again in 55 s"),
    "no time": (429, {}, "too many questions to the hub, try again in some minutes"),
    "out of order": (503, {}, "the hub is out of order (503), try again in some minutes"),
    "forbidden": (403, {}, "your token may not do this, give it read access at "),
    "strange": (418, {}, "the hub answers 418"),
}


@pytest.mark.parametrize(("status", "headers", "said"), WRONG.values(), ids=WRONG)
def test_what_the_hub_refuses_is_said_in_one_sentence(hub: Hub, status: int, headers: dict[str, str], said: str) -> None:
    hub.refuse("/api/models", status, **headers)
    assert refusal().startswith(f"{NAME} cannot be looked up: {said}")


def test_a_token_that_the_hub_does_not_know_is_told_from_a_missing_model(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    said = refusal()
    assert (
        said
        == f"{NAME} cannot be looked up: the hub refuses your token, log in again with one from {hub.url}/settings/tokens"
    )


def test_what_is_no_hub_is_not_believed(hub: Hub) -> None:
    hub.refuse("/api/models", 200)
    assert refusal().startswith(f"{NAME} cannot be looked up: what answers at {hub.url} is not the hub")


def switch_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


AWAY = {
    "the hub is switched off (HF_HUB_OFFLINE)": switch_off,
    "the hub cannot be reached at http://127.0.0.1:1": unreachable,
}


@pytest.mark.parametrize(("said", "leave"), AWAY.items(), ids=["offline", "unreachable"])
def test_without_the_hub_only_a_model_in_the_cache_is_known(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, said: str, leave: Callable[[pytest.MonkeyPatch], None]
) -> None:
    hub.add(NAME)
    hub.add("owner/half")
    known = read_hub_model(NAME)
    snapshot_download(NAME)
    snapshot_download("owner/half", allow_patterns="config.json")
    leave(monkeypatch)
    details = read_hub_details(NAME)
    assert details.card == known == read_hub_model(NAME)
    assert details.cached_because.startswith(f"{NAME} cannot be looked up: {said}")
    for name in ("owner/half", "owner/none"):
        assert refusal(name).startswith(f"{name} cannot be looked up: {said}")


def test_a_gated_model_in_the_cache_can_be_used_all_the_same(hub: Hub) -> None:
    repo = hub.add(NAME)
    snapshot_download(NAME)
    repo.gated = "auto"
    details = read_hub_details(NAME)
    assert (details.refusal, details.gated, details.card.layers) == ("", True, 2)
    assert "is gated" in details.cached_because


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("", ""),
        ("---\nlicense: mit\n---\n", ""),
        ("\ufeff---\r\na: b\r\n---\r\n\r\n# Title\r\n", "# Title"),
        ("<p align=center>\n![](x)\n[![b](c)](d)\n# T\n\n\n\ntext\n", "# T\n\ntext"),
        ("no yaml\n---\nbelow", "no yaml\n---\nbelow"),
        ("---\nnever ended", "---\nnever ended"),
        ("a\n" * 100, "\n".join("a" * 12)),
    ],
)
def test_of_the_card_the_first_lines_are_shown(card: str, shown: str) -> None:
    assert first_lines(card) == shown


def test_the_weights_of_an_adapter_count_and_those_of_subfolders_do_not() -> None:
    files = ["model.safetensors", "adapter_model.safetensors", "onnx/model.safetensors", "consolidated.safetensors"]
    assert weights_of(files) == ["adapter_model.safetensors", "model.safetensors"]
    assert weights_of(["consolidated.safetensors"]) == ["consolidated.safetensors"]


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert str(hub_error(BlockingIOError(), "it cannot be kept")) == "it cannot be kept: BlockingIOError"
