"""Whatever the hub answers, a person reads one sentence about the model they asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from huggingface_hub import errors

from tui.catalog import hub
from tui.catalog.hub import read_hub_model
from tui.catalog.local import ModelCard, ModelError

NAME = "owner/model"
REFUSED = httpx.Response(404, request=httpx.Request("GET", "https://hub.test"))


def tensor(dtype: str, *shape: int) -> Any:
    return SimpleNamespace(dtype=dtype, shape=list(shape))


class Hub:
    """A hub that holds one model; `failure` is raised instead of listing its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failure: Exception | None = None
        self.sizes: dict[str, int | None] = {"config.json": 9, "a.safetensors": 100, "b.safetensors": None}
        self.tensors: Any = {"w": tensor("U8", 50, 1), "w.absmax": tensor("F32", 9), "norm": tensor("BF16", 7)}

    def model_info(self, name: str, *, revision: str | None, files_metadata: bool, timeout: float) -> Any:
        assert (name, files_metadata) == (NAME, True)
        if self.failure:
            raise self.failure
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=file, size=size) for file, size in self.sizes.items()])

    def download(self, name: str, file: str, *, revision: str | None, etag_timeout: float) -> str:
        if not (self.folder / file).exists():
            raise errors.RemoteEntryNotFoundError("404", response=REFUSED)
        return str(self.folder / file)

    def metadata(self, name: str, *, revision: str | None) -> Any:
        if self.tensors is None:
            raise errors.NotASafetensorsRepoError("pickled")
        return SimpleNamespace(files_metadata={"a.safetensors": SimpleNamespace(tensors=self.tensors)})


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub in place of the real one."""
    found = Hub(tmp_path)
    (tmp_path / "config.json").write_text('{"architectures": ["Qwen3"], "num_hidden_layers": 3}')
    monkeypatch.setattr(hub, "HfApi", lambda: found)
    monkeypatch.setattr(hub, "hf_hub_download", found.download)
    monkeypatch.setattr(hub, "get_safetensors_metadata", found.metadata)
    return found


def test_a_model_is_known_without_its_weights(there: Hub) -> None:
    assert read_hub_model(NAME) == ModelCard(NAME, "Qwen3", 3, None, None, None, 107, 100, has_chat_template=False)


def test_a_chat_template_is_found_in_either_place(there: Hub) -> None:
    (there.folder / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    there.sizes["tokenizer_config.json"] = 1
    assert read_hub_model(NAME).has_chat_template
    del there.sizes["tokenizer_config.json"]
    assert not read_hub_model(NAME).has_chat_template
    there.sizes["chat_template.jinja"] = 1
    assert read_hub_model(NAME).has_chat_template


def test_pickled_weights_are_a_model_of_unknown_size(there: Hub) -> None:
    there.tensors = None
    there.sizes = {"config.json": 1, "pytorch_model.bin": 500}
    card = read_hub_model(NAME)
    assert (card.parameters, card.size_bytes) == (None, None)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (errors.GatedRepoError("x", response=REFUSED), "is gated: accept its licence on the hub and log in"),
        (
            errors.RepositoryNotFoundError("x", response=REFUSED),
            "there is no model owner/model on the hub, or it is private",
        ),
        (errors.OfflineModeIsEnabled("x"), "cannot be looked up: the hub is switched off (HF_HUB_OFFLINE)"),
        (errors.HfHubHTTPError("500 Server Error\nlong\nstory", response=REFUSED), "cannot be looked up: 500 Server Error"),
        (httpx.ConnectError("refused"), "the hub cannot be reached (ConnectError)"),
        (httpx.ReadTimeout("slow"), "the hub cannot be reached (ReadTimeout)"),
        (errors.LocalEntryNotFoundError("x"), "the hub cannot be reached (LocalEntryNotFoundError)"),
        (TimeoutError(), "the hub cannot be reached (TimeoutError)"),
        (errors.HFValidationError("x"), "is no name on the hub (owner/model)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_hub_refuses_is_said_in_one_sentence(there: Hub, failure: Exception, said: str) -> None:
    there.failure = failure
    with pytest.raises(ModelError) as caught:
        read_hub_model(NAME)
    assert said in str(caught.value) and NAME in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_repository_without_a_config_is_no_model(there: Hub) -> None:
    (there.folder / "config.json").unlink()
    with pytest.raises(ModelError, match=f"^{NAME} is no model: it has no config.json$"):
        read_hub_model(NAME)
