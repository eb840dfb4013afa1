"""What the names of columns hint at: which asks, which answers, which only describes the row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def _known(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ASKED = _known(
    """prompt question instruction query problem request user human inquiry ask asked instructions q user_prompt
    task exercise message utterance input post puzzle claim command customer client patient student
    visitor
    问题 提问 指令 用户 输入 题目 問題 質問 질문 вопрос запрос pregunta frage pergunta domanda demande سؤال प्रश्न"""
)
ASKED_WEAKLY = _known("document article dialogue text source_text src sentence headline passage english en 原文")
ANSWERED = _known(
    """completion response output solution answer reply assistant responses outputs answers answered a
    gpt bot chatbot chatgpt ai target tgt summary translation highlights result code chosen agent support doctor therapist
    teacher tutor expert counselor advisor
    回答 答案 回复 输出 答复 助手 摘要 译文 答え 답변 대답
    ответ respuesta antwort réponse reponse resposta risposta جواب उत्तर"""
)
PARTNERS = {"target": "source", "targets": "sources", "tgt": "src"}
"""What is asked where the answer is called so; by itself, a source says where a row comes from."""
EXTRA = _known("input context background passage knowledge facts inputs reference evidence 输入 上下文 背景")
SYSTEM = _known(
    "system sys system_prompt system_message systemprompt sys_prompt system_instruction 系统 系统提示 系统提示词"
)
HISTORY = _known("history chat_history conversation_history previous_turns dialogue_history 历史 对话历史")
REASONING = _known(
    """reasoning_content reasoning thinking thought thoughts cot chain_of_thought rationale think scratchpad
    reasoning_trace thinking_trajectory thought_process 思考 推理 思维链 思考过程"""
)
TOOLS = _known("tools functions available_tools tool_list function_list tools_json tool_definitions")
TEXT = _known(
    """text content body document article passage story raw raw_text markdown full_text text_content paragraph page code
    formatted_text 文本 正文 内容 文章 テキスト 텍스트 текст texto texte"""
)
CONVERSATION = _known(
    """messages conversations conversation dialog dialogue dialogs dialogues chat chats turns utterances thread
    talk session message_list msgs history 对话 会话 聊天 消息 대화 会話 диалог"""
)
TOKENS = _known("input_ids token_ids tokens ids tokenized tokenized_text")
LABELS = _known("labels label_ids target_ids")
KEPT = _known("attention_mask")
LEARNED = _known("assistant_masks completion_mask loss_mask assistant_mask labels_mask")
WHO = _known("role from speaker author sender who user_type participant actor type name party source 角色 说话人 发言者")
WHAT = _known("content value text message utterance body msg say says sentence line words content_text 内容 文本 发言")

GENERIC = frozenset(
    _known("text content message msg str string body utterance turn raw value field column col clean cleaned")
)
"""Last words of a name that say nothing themselves: question_text is a question."""
DESCRIBES = frozenset(
    _known(
        """id ids idx index uuid key hash type name names source url link lang language category topic score scores rating
        count length len num number tokens date time timestamp created split dataset license licence author meta metadata
        domain subject level difficulty model label labels tag tags version path file filename start end rank position
        format status incorrect wrong rejected negative bad distractor distractors choices options"""
    )
)
"""Last words of columns that tell about a row and are not what is learned."""
CHOSEN = ("chosen", "preferred", "winner", "accepted", "better")
"""Words for the better one of two answers."""
WRONG = frozenset(("incorrect", "wrong", "rejected"))


@lru_cache(4096)
def words(name: str) -> tuple[str, ...]:
    """``userInput_2`` is user, input, 2."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name[:200])
    return tuple(re.findall(r"\d+|[^\W\d_]+", spaced.lower()))


def describes(name: str) -> bool:
    """Whether a column only tells about the row: an id, a source, a score, a wrong answer."""
    found = words(name)
    return bool(found) and (found[-1] in DESCRIBES or not WRONG.isdisjoint(found))


@lru_cache(8192)
def rank(name: str, known: tuple[str, ...]) -> tuple[float, int] | None:
    """How surely (0 to 1) a name means one of the known ones, and which; None when it does not."""
    found = [word for word in words(name) if not word.isdigit()]
    whole = "_".join(found)
    if whole in known:
        return 1.0, known.index(whole)
    for at, word in enumerate(known):
        if not word.isascii() and word in name.lower():
            return 0.85, at
    while len(found) > 1 and found[-1] in GENERIC:
        found.pop()
    if not found or describes(name):
        return None
    head = found[-1] if found[-1] in known else found[-1].removesuffix("s")
    return (0.85, known.index(head)) if head in known else None


def best(names: Iterable[str], known: tuple[str, ...]) -> list[tuple[float, str]]:
    """The names that mean one of the known ones, the surest first, with how sure that is."""
    ranked = [(found, name) for name in names if (found := rank(name, known))]
    return [(found[0], name) for found, name in sorted(ranked, key=lambda item: (-item[0][0], item[0][1]))]


def named(names: Iterable[str], known: tuple[str, ...]) -> str | None:
    """The name that means one of the known ones most surely."""
    found = best(names, known)
    return found[0][1] if found else None
