"""The user's token for the Hugging Face hub: where it comes from, whose it is, and keeping it where the hub keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import constants, login

from tui.catalog.hub import FAILURES, HubError, ask, hub_error

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def token_source() -> str:
    """Where the token in use comes from: ``environment``, ``hub login``, or nothing when there is none."""
    if any(os.environ.get(name, "").strip() for name in VARIABLES):
        return "environment"
    try:
        return "hub login" if Path(constants.HF_TOKEN_PATH).read_text().strip() else ""
    except (OSError, ValueError):
        return ""


def check_token(token: str) -> str:
    """The name of the user whose token this is. Raises HubError; the token is in no message. Asks the network."""
    token = _cleaned(token)
    try:
        return str(ask(f"{constants.ENDPOINT}/api/whoami-v2", token=token).json()["name"])
    except FAILURES as error:
        raise hub_error(error, "the token cannot be checked") from None


def keep_token(token: str) -> str:
    """Put a token into huggingface_hub's own store and nowhere else; the name of its user. Raises like `check_token`."""
    user = check_token(token)
    try:
        login(_cleaned(token), add_to_git_credential=False)
    except FAILURES as error:
        raise hub_error(error, "the token cannot be kept") from None
    return user


def use_token(token: str) -> None:
    """Use a token in this process and those that it starts from now on, and keep it nowhere. Raises HubError."""
    os.environ[VARIABLES[0]] = _cleaned(token)


def _cleaned(token: str) -> str:
    """A token without what comes along when it is pasted. Raises HubError when it cannot be one."""
    token = token.strip()
    if not (token.isascii() and token.isprintable()) or not token or " " in token:
        raise HubError("that is no token: it is one word of letters and digits that begins with hf_")
    return token
