"""A Modelfile for Ollama with the template that was trained: Ollama speaks Go's templates, models bring Jinja's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.session.schema import Session

SYSTEM, USER, ANSWER, AGAIN = ("\u2460sys\u2460", "\u2461usr\u2461", "\u2462ans\u2462", "\u2463usr\u2463")
"""Texts that no template contains."""
NOT_SAID = "the Modelfile has no template: {}; Ollama then takes the one that it finds in the GGUF file"


class Irregular(Exception):
    """A template that cannot be written as what stands around each turn."""


@dataclass(frozen=True)
class Turns:
    """What a chat template writes around each turn."""

    before_system: str
    after_system: str
    before_user: str
    after_user: str
    before_answer: str
    after_answer: str
    default_system: str = ""
    """What it says where nobody says anything as the system."""

    def render(self, turns: list[tuple[str, str]]) -> str:
        """A conversation that waits for an answer, as `go_template` would have Ollama write it."""
        told = ""
        if turns and turns[0][0] != "system" and self.default_system:
            turns = [("system", self.default_system), *turns]
        for role, text in turns:
            before, after = {
                "system": (self.before_system, self.after_system),
                "user": (self.before_user, self.after_user),
                "assistant": (self.before_answer, self.after_answer),
            }[role]
            told += before + text + after
        return told + self.before_answer

    def go_template(self) -> str:
        """The template in Ollama's words. Raises Irregular when a part of it cannot be told there."""
        parts = [self.before_system, self.after_system, self.before_user, self.after_user, self.before_answer]
        if any("{{" in part or '"""' in part for part in [*parts, self.after_answer, self.default_system]):
            raise Irregular("it contains braces or quotes that Ollama would read as its own")
        system = f"{{{{ if .System }}}}{self.before_system}{{{{ .System }}}}{self.after_system}{{{{ end }}}}"
        user = f"{{{{ if .Prompt }}}}{self.before_user}{{{{ .Prompt }}}}{self.after_user}{{{{ end }}}}"
        return f"{system}{user}{self.before_answer}{{{{ .Response }}}}{self.after_answer}"


def write_modelfile(place: Path, gguf: str, tokenizer: Any, session: Session) -> list[str]:
    """Write the Modelfile beside the GGUF file that it names; what its user should know."""
    notes: list[str] = []
    lines = [f"FROM ./{gguf}"]
    turns = None
    if not getattr(tokenizer, "chat_template", None):
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    else:
        try:
            turns = turns_of(tokenizer)
            lines.append(f'TEMPLATE """{turns.go_template()}"""')
        except Irregular as error:
            notes.append(NOT_SAID.format(error))
    if turns and turns.default_system:
        lines.append(f'SYSTEM """{turns.default_system}"""')
    # Ollama takes what stands between the first quote and the last one of a line, and knows no backslashes
    lines += [f'PARAMETER stop "{text}"' for text in stop_texts(tokenizer, turns)]
    lines.append(f"PARAMETER num_ctx {session.model.max_seq_length}")
    (place / "Modelfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return notes


def stop_texts(tokenizer: Any, turns: Turns | None) -> list[str]:
    """The tokens at which an answer is over: the end token, and those with which the template begins and ends turns."""
    found = [str(tokenizer.eos_token)] if tokenizer.eos_token else []
    if turns:
        around = turns.before_user + turns.after_answer
        known = {*tokenizer.all_special_tokens, *getattr(tokenizer, "added_tokens_decoder", {}).values()}
        found += sorted(token for token in map(str, known) if token.strip() and token in around)
    return list(dict.fromkeys(found))


def turns_of(tokenizer: Any) -> Turns:
    """What the tokenizer's template writes around each turn. Raises Irregular when that depends on anything else."""
    said = [("system", SYSTEM), ("user", USER), ("assistant", ANSWER), ("user", AGAIN)]
    whole, plain = _rendered(tokenizer, said), _rendered(tokenizer, said[1:])
    if any(whole.count(text) != 1 for _, text in said) or plain.count(USER) != 1:
        raise Irregular("it says a turn twice or not at all, or changes its text")
    before_system, after_system, after_user, after_answer, tail = _between(whole, [text for _, text in said])
    end_of_user = _rendered(tokenizer, said[1:2], opened=False).rpartition(USER)[2]
    end_of_answer = _rendered(tokenizer, said[1:3], opened=False).rpartition(ANSWER)[2]
    if tail != after_user or not tail.startswith(end_of_user) or not after_answer.startswith(end_of_answer):
        raise Irregular("what it writes around a turn changes from turn to turn")
    before_user = after_answer.removeprefix(end_of_answer)
    turns = Turns(
        before_system=_without_start(before_system, tokenizer),
        after_system=after_system.removesuffix(before_user),
        before_user=before_user,
        after_user=end_of_user,
        before_answer=tail.removeprefix(end_of_user),
        after_answer=end_of_answer,
    )
    unasked = _without_start(plain.partition(USER)[0], tokenizer).removesuffix(before_user)
    default = unasked.removeprefix(turns.before_system).removesuffix(turns.after_system)
    turns = replace(turns, default_system=default)
    for talk in (said[:2], said[1:2], said, said[1:]):
        if turns.render(talk) != _without_start(_rendered(tokenizer, talk), tokenizer):
            raise Irregular("it cannot be put together from what stands around each turn")
    return turns


def _between(text: str, marks: list[str]) -> list[str]:
    """What stands before, between and after the marks. Raises Irregular when they stand in another order."""
    parts = []
    for mark in marks:
        before, found, text = text.partition(mark)
        if not found:
            raise Irregular("it puts the turns into another order")
        parts.append(before)
    return [*parts, text]


def _without_start(text: str, tokenizer: Any) -> str:
    """Without the token that begins every text, which Ollama writes itself."""
    begin = tokenizer.bos_token
    adds = begin and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
    return text.removeprefix(str(begin)) if adds else text


def _rendered(tokenizer: Any, said: list[tuple[str, str]], *, opened: bool = True) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(
                [{"role": role, "content": text} for role, text in said], tokenize=False, add_generation_prompt=opened
            )
        )
    except Exception as error:  # a template may refuse a conversation in its own words
        raise Irregular(f"it refuses a conversation ({' '.join(str(error).split())[:80]})") from None
