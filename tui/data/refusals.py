"""What is recognised but cannot be trained on here: preferences, images, sounds; and rows that nothing fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tui.data.columns import ANSWERED, CHOSEN, words
from tui.data.columns import best as ranked
from tui.data.reading import Reading
from tui.data.records import DataError
from tui.data.sampled import Sample
from tui.data.shown import listed, shown
from tui.session.sections.data import DataSection

REJECTED = ("rejected", "dispreferred", "loser", "refused", "worse", "unpreferred")
VERDICT = {"better", "preference", "preferred", "winner", "chosen", "safer", "best", "choice"}
MEDIA = re.compile(
    r"^(images?|imgs?|pictures?|photos?|pixel_values|audios?|sounds?|speech|videos?|waveform)$", re.IGNORECASE
)
MEDIA_PARTS = re.compile(r"image|audio|video")
_MEDIA_PATH = re.compile(
    r"^data:(image|audio|video)/|\.(png|jpe?g|webp|gif|bmp|tiff?|wav|mp3|flac|ogg|m4a|mp4|webm|avi|mov)$", re.IGNORECASE
)
_TURNS_LOOKED_AT = 32
LONGEST_WORD = 200
"""Characters without a space that may still be a word and not a picture."""


def refuse_preferences(samples: Sequence[Sample], found: Sequence[Reading]) -> None:
    """Raises DataError for pairs of a better and a worse answer, and for answers labelled good or bad."""
    for here in samples:
        said = [name for name in here.names if any(isinstance(cell, str | list | dict) for cell in here.filled(name))]
        chosen = next((name for name in said if set(words(name)) & set(CHOSEN)), None)
        rejected = next((name for name in said if set(words(name)) & set(REJECTED)), None)
        if chosen and rejected:
            column = ".".join((*here.scope, chosen))
            raise DataError(
                f"columns {shown(chosen)} and {shown(rejected)} are preferences, a better and a worse answer to choose "
                f"between, which is not trained here: to learn the better ones, set data.column to {shown(column)}",
                {"data.column": column},
            )
    _refuse_ranked(samples[0])
    _refuse_labelled(samples[0], found)


def _refuse_ranked(sample: Sample) -> None:
    """Of ``response_0``, ``response_1`` and ``better_response_id``."""
    verdict = next((name for name in sample.names if VERDICT & set(words(name))), None)
    answers = [name for name in sample.names if re.search(r"[_\W](\d|[a-dA-D])$", name) and sample.is_text(name)]
    rivals = [name for name in answers if sum(other[:-1] == name[:-1] for other in answers) > 1]
    if verdict and rivals and ranked([name[:-2] for name in rivals], ANSWERED):
        raise DataError(
            f"columns {shown(rivals[0])} and {shown(rivals[1])} are answers to choose between, as {shown(verdict)} says, "
            "which is not trained here: write the better ones into a column of their own, "
            f"or set data.column to {shown(rivals[0])} to learn the first of them",
            {"data.column": rivals[0]},
        )


def _refuse_labelled(sample: Sample, found: Sequence[Reading]) -> None:
    label = next((name for name in sample.names if name.lower() in ("label", "kto_tag", "desirable")), None)
    if label is None or not all(isinstance(cell, bool) for cell in sample.filled(label)) or not sample.filled(label):
        return
    spoken = [reading for reading in found if reading.format not in ("text", "tokens") and reading.confidence >= 0.5]
    if spoken:
        best = max(spoken, key=lambda reading: reading.confidence)
        raise DataError(
            f"column {shown(label)} says of each answer whether it is a good one, and here every answer would be learned: "
            f"leave out the rows where it is false, then set data.format to {best.format}",
            {"data.format": best.format},
        )


def refuse_media(samples: Sequence[Sample], found: Sequence[Reading]) -> None:
    """Raises DataError when the rows have images or sounds."""
    where = next(_media(samples), None)
    if where is None:
        return
    text = f"{where}, and only text can be trained here"
    spoken = [reading for reading in found if reading.format not in ("text", "tokens")]
    best = max(spoken or found, key=lambda reading: reading.confidence, default=None)
    if best is None or best.confidence < 0.25:
        raise DataError(f"{text}: take data that has the questions and answers as text")
    mend: dict[str, Any] = {"data.format": best.format}
    if len(best.columns) == 1:
        mend["data.column"] = best.column
    raise DataError(f"{text}: set data.format to {best.format} to learn from the text alone", mend)


def has_media(samples: Sequence[Sample]) -> bool:
    """Whether there are images or sounds in the rows."""
    return next(_media(samples), None) is not None


def is_media_part(part: Any) -> bool:
    """Whether a part of what somebody says is an image, a sound or a video."""
    return isinstance(part, Mapping) and bool(MEDIA_PARTS.search(str(part.get("type"))[:40]))


def _media(samples: Sequence[Sample]) -> Iterator[str]:
    """Where the rows have images or sounds, in words."""
    for sample in samples:
        for name in sample.names:
            filled = sample.filled_told(name)
            items = [item for cell in filled for item in (cell[:4] if isinstance(cell, list) else [cell])]
            if any(map(_is_media, items)) or (items and MEDIA.match(name) and all(map(_is_reference, items))):
                yield f"column {shown('.'.join((*sample.scope, name)))} holds images, sounds or videos"
            if any(map(_has_media_part, filled)):
                yield f"turns in column {shown('.'.join((*sample.scope, name)))} hold images, sounds or videos"


def _is_media(value: Any) -> bool:
    if isinstance(value, bytes | bytearray):
        return True
    if isinstance(value, Mapping):
        return {"bytes", "path"} <= value.keys() or {"array", "sampling_rate"} <= value.keys()
    return type(value).__module__.partition(".")[0] == "PIL"


def _is_reference(value: Any) -> bool:
    """A path, an address or base64, not a sentence about an image."""
    if not isinstance(value, str):
        return isinstance(value, list | dict)
    is_base64 = len(value) > LONGEST_WORD and " " not in value
    return bool(_MEDIA_PATH.search(value.strip()[-2000:])) or value.startswith(("data:", "http")) or is_base64


def _has_media_part(value: Any) -> bool:
    turns = islice(value, _TURNS_LOOKED_AT) if isinstance(value, list) else ()
    for turn in turns:
        cells = turn.values() if isinstance(turn, Mapping) else ()
        if is_media_part(turn) or any(is_media_part(part) for cell in cells if isinstance(cell, list) for part in cell[:16]):
            return True
    return False


def no_format(sample: Sample, data: DataSection) -> DataError:
    """What is said when nothing fits."""
    columns = f"(columns: {listed(sample.names)})"
    if not any(_has_text(row) for row in sample.rows):
        return DataError(f"no row holds any text {columns}")
    how = "set data.format to columns, and data.user and data.assistant to templates like {column}"
    if data.column is not None:
        what = "no format fits" if data.format == "auto" else f"the format {data.format} does not fit"
        return DataError(f"{what} what column {shown(data.column)} holds {columns}", {"data.column": None})
    if data.format != "auto":
        return DataError(f"the format {data.format} does not fit these rows {columns}; {how}", {"data.format": "auto"})
    return DataError(f"no format fits these rows {columns}; {how}")


def _has_text(value: Any) -> bool:
    waiting = [value]
    while waiting:  # not by recursion: JSON may be nested deeper than Python calls
        match waiting.pop():
            case str() as text if text.strip():
                return True
            case dict() as inner:
                waiting.extend(inner.values())
            case list() as inner:
                waiting.extend(inner)
    return False
