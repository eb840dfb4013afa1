"""What each place is for, and what its figures mean: what F1 shows above the keys."""

from __future__ import annotations

PLACES = {
    "model": """Choose the model that is trained. Letters find one of this machine, of earlier runs, of those that
Unsloth knows, and from three letters on of the hub; author:, licence: and under:8b narrow it. Enter takes the one under
the cursor, or what is typed: a folder, or owner/name. On the right: its shape, whether it fits this GPU with the
session as it is, and what would help.""",
    "data": """Choose what is learned: a file (.jsonl .json .csv .tsv .parquet .arrow .txt), a folder, or owner/name on
the hub. How the rows are read is found out and said; m maps columns by hand. v shows a row as a conversation, then in
tokens: what is learned is underlined, what is cut off is struck through. F9 looks through all of it for bad, doubled,
leaking and odd rows.""",
    "tune": """Set how it is trained. The defaults work: change what you know you want. Signs before a name: • changed,
! worth a thought, ✗ not possible. F1 on a field says what it does; F8 applies what mends it; F9 offers settings that go
together.""",
    "live": """Watch the run. It goes on without this window. The loss should fall and then flatten; the held-out loss
(◆) shows whether what is learned holds for what was not seen: when it rises while the loss falls, the run learns by
heart.""",
    "chat": """Talk to what was trained, and to the base model beside it. Enter sends, Escape stops an answer and keeps
what came.""",
    "runs": """Every run so far, those that wait for a GPU first. Enter opens one on Live. The space bar marks several,
to compare, export or delete. What is deleted lies in the trash for 30 days; u puts the last back.""",
}

FIGURES = {
    "update": "updates of the weights that are done, of all that are planned",
    "left": "time until the training ends, going by the last updates; saving comes after it",
    "ends": "the clock when that time is over",
    "ended": "the clock at the last thing that happened",
    "so far": "time since the run began, loading included",
    "took": "time from the first to the last thing that happened",
    "epoch": "how often the whole dataset was seen",
    "samples": "examples seen so far; the same example counts once each epoch",
    "checkpoints": "states on disk from which the run can go on",
    "loss": "how surprised the model is by the right answer, in nats a token; lower is better, 0 means learnt by heart",
    "learning rate": "how large each update is now; it warms up and then falls as scheduled",
    "grad norm": "how strongly this update pulls; far above the usual means an odd batch or too high a rate",
    "held out": "the loss on examples that are not trained on: the honest one",
    "best": "the lowest held-out loss so far, and after which update",
    "trained": "parameters that change, and their share of all",
    "speed": "tokens a second, padding left out",
    "tokens": "tokens seen so far, padding left out, and how many a second",
    "update takes": "seconds of one update, without evaluations and checkpoints",
    "arithmetic": "share of what the GPU could compute at most in theory; 30 to 50 % is very good",
    "GPU busy": "share of the time in which the GPU computed anything at all",
    "memory": "the most that was reserved so far, and its share of the GPU (of the machine, without one)",
    "model loaded": "memory once the model was loaded, before the first update",
    "memory peak": "the most memory that was reserved so far",
    "for training": "what training took on top of the loaded model",
    "energy": "electricity of the GPUs of this run, and their power on average",
    "busy": "how much of the last second the GPU computed",
    "heat": "temperature of the GPU; from about 85 °C on it slows itself down",
    "power": "what the GPU draws, of what it may draw",
    "slowed": "why the GPU runs below its usual clock",
    "shared": "other programs on this GPU, and their memory",
    "cpu": "how busy the processor is, all cores together",
}
"""What Live's figures and gauges mean, by the name that stands before them."""


def about(mode: str) -> str:
    """The help of a place, with its figures where it has some."""
    told = " ".join(PLACES[mode].split())
    if mode != "live":
        return told
    return told + "\n\nFigures\n" + "\n".join(f"{name:14}{text}" for name, text in FIGURES.items())
