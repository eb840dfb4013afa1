"""Who speaks: what the words for the speakers of a conversation mean, in many datasets and some languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from tui.session.sections.data import Role

CALL = "call"
"""Of a turn that is nothing but the assistant calling a tool, as ShareGPT writes it."""
Part = Literal["system", "user", "assistant", "tool", "call"]

WORDS: dict[Part, str] = {
    "user": """user human prompter usr customer client person people student patient asker questioner requester
        inquirer question query q prompt instruction input visitor caller guest seeker enquirer learner you
        user_message human_message usuario utilisateur benutzer nutzer utente usuário пользователь человек
        用户 人类 人 问 提问 提问者 客户 患者 病人 学生 顾客 問 質問者 ユーザー 사용자 مستخدم उपयोगकर्ता""",
    "assistant": """assistant gpt chatgpt chat_gpt gpt3 gpt4 gpt_3 gpt_3.5 gpt_4 gpt_4o openai bing bard model bot chatbot ai
        llm claude gemini llama mistral qwen deepseek copilot assistant_message ai_message bot_message agent helper support
        operator expert teacher tutor doctor therapist counselor counsellor advisor adviser answerer responder
        answer a response reply completion output machine robot asistente assistente assistent ассистент модель
        助手 助理 机器人 答 回答 回答者 客服 医生 老师 模型 アシスタント 어시스턴트 مساعد सहायक""",
    "system": "system sys developer system_prompt system_message sistema система 系统 系統 システム 시스템",
    "tool": """tool function observation tool_response tool_result tool_results tool_output function_response
        function_result function_output ipython environment observations tool_message api 工具""",
    "call": "function_call tool_call tool_calls function_calls toolcall functioncall action",
}
MEANING: dict[str, Part] = {word: part for part, words in WORDS.items() for word in words.split()}
_MARKS = re.compile(r"<\|?|\|?>|[:：\[\]#*]")


@lru_cache(4096)
def normal(word: str) -> str:
    """A role word without case, marks and spaces: ``<|User|>:`` is user."""
    return re.sub(r"[\s\-]+", "_", _MARKS.sub("", word[:100]).strip().lower())


def meaning(word: str, own: Mapping[str, Role] | None = None) -> Part | None:
    """Whose turn this word announces; None when nobody knows. What the session says (`own`) comes first."""
    if own:
        given = own.get(word) or {normal(key): role for key, role in own.items()}.get(normal(word))
        if given:
            return given
    return MEANING.get(normal(word))


def guess(words: Iterable[str], own: Mapping[str, Role]) -> dict[str, Role]:
    """`data.roles` such that a talk of two is understood: who begins asks. Empty where that is no safe guess."""
    speakers = [word for word in dict.fromkeys(words) if meaning(word, own) not in ("system", "tool", "call")]
    known = {word: meaning(word, own) for word in speakers}
    unknown = [word for word in speakers if known[word] is None and 0 < len(word) <= 40]
    if len(speakers) != 2 or not unknown:
        return {}
    taken = {part for part in known.values() if part}
    sides: tuple[Role, Role] = ("user", "assistant")
    free = [role for role in sides if role not in taken]
    return dict(own) | dict(zip(unknown, free, strict=False)) if len(free) == len(unknown) else {}
