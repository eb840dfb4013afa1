"""What looks like a token or a password: it has no place in a session, which is kept, copied and shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SECRET = re.compile(
    r"\b(?:hf_|api_org_|ghp_|github_pat_|glpat-|sk-|xox[abprs]-)[\w-]{16,}"  # of hubs, of Git hosts, of other services
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user:password@host
)


def masked(text: str) -> str:
    """The text without what looks like a secret, to be quoted in a complaint."""
    return SECRET.sub("(a secret)", text)


def host_of(address: str) -> str:
    """The host of an address: the rest of it may be a secret, and is not shown."""
    try:
        return urlsplit(address).hostname or "?"
    except ValueError:
        return "?"
