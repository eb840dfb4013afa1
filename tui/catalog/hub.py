"""What a model on the Hugging Face hub is, from its small files and the headers of its weights alone."""

from __future__ import annotations

from pathlib import Path

import httpx
from huggingface_hub import HfApi, get_safetensors_metadata, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    NotASafetensorsRepoError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    SafetensorsParsingError,
)

from tui.catalog.local import ModelCard, ModelError, Tensor, card_from_config, read_json

WAIT_S = 10.0
"""After so long without an answer the hub counts as out of reach."""


def read_hub_model(name: str, revision: str | None = None) -> ModelCard:
    """What the hub says of a model. Raises ModelError: not there, gated, or the hub cannot be reached.

    Takes up to some seconds of network, so it belongs into a thread.
    """
    try:
        files = {
            file.rfilename: file.size
            for file in HfApi().model_info(name, revision=revision, files_metadata=True, timeout=WAIT_S).siblings or ()
        }
        config = read_json(_download(name, "config.json", revision))
        has_template = "chat_template.jinja" in files
        if not has_template and "tokenizer_config.json" in files:
            has_template = bool(read_json(_download(name, "tokenizer_config.json", revision)).get("chat_template"))
        return card_from_config(
            name,
            config,
            tensors=_tensors(name, revision),
            size_bytes=sum(size or 0 for file, size in files.items() if file.endswith(".safetensors")) or None,
            has_chat_template=has_template,
        )
    except GatedRepoError:
        raise ModelError(f"{name} is gated: accept its licence on the hub and log in with `hf auth login`") from None
    except RepositoryNotFoundError:
        raise ModelError(f"there is no model {name} on the hub, or it is private and you are not logged in") from None
    except RemoteEntryNotFoundError:
        raise ModelError(f"{name} is no model: it has no config.json") from None
    except HFValidationError:
        raise ModelError(f"{name} is no name on the hub (owner/model)") from None
    except OfflineModeIsEnabled:
        raise ModelError(f"{name} cannot be looked up: the hub is switched off (HF_HUB_OFFLINE)") from None
    except HfHubHTTPError as error:
        raise ModelError(f"{name} cannot be looked up: {str(error).splitlines()[0]}") from None
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise ModelError(f"{name} cannot be looked up: the hub cannot be reached ({type(error).__name__})") from None


def _download(name: str, file: str, revision: str | None) -> Path:
    return Path(hf_hub_download(name, file, revision=revision, etag_timeout=WAIT_S))


def _tensors(name: str, revision: str | None) -> list[Tensor]:
    try:
        metadata = get_safetensors_metadata(name, revision=revision)
    except (NotASafetensorsRepoError, SafetensorsParsingError):
        return []
    tensors = (item for file in metadata.files_metadata.values() for item in file.tensors.items())
    return [Tensor(key, tensor.dtype, tuple(tensor.shape)) for key, tensor in tensors]
