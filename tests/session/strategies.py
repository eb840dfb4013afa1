"""Sessions and facts of every kind, for property tests: whatever the schema allows, and whatever may be known."""

from __future__ import annotations

from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from hypothesis import strategies as st
from pydantic import BaseModel

from tui.session.facts import Facts
from tui.session.fields import FieldSpec, fields_of
from tui.session.quantisations import offered
from tui.session.schema import Session
from tui.session.sections.lora import PROJECTIONS

Table = dict[str, dict[str, Any]]

SPECS = {spec.key: spec for spec in fields_of(Session)}

PATTERNED = {
    "model.device": ["auto", "cpu", "0", "0,3", "GPU-0b1a"],
    "training.custom_loss": ["a.py:f", "some where/b.py:_g2"],
    "evaluation.metric_for_best_model": ["eval_loss", "eval_x_2"],
    "evaluation.split": ["train", "test[:10%]"],
    "data.split": ["train", "test[:10%]", "[-5:]", "a.b-c[3:7]"],
    "cluster.mem": ["64G", "0", "4096M"],
    "cluster.time": ["30", "4:00:00", "2-00:00:00"],
    **{key: ["gpu", "team-a", "long_2"] for key in ("cluster.partition", "cluster.account", "cluster.qos")},
    "cluster.constraint": ["a100", "a100&80gb"],
    "cluster.accelerators": ["H100:8", "A100-80GB"],
    "cluster.infra": ["aws", "gcp/us-central1", "k8s"],
    "cluster.bucket": ["s3://mine/runs", "gs://mine"],
    "run.webhook": ["https://hooks.example.com/a?b=c", "http://localhost:8080"],
}
NUMBERS = {"data.mix_weights": st.floats(1e-9, 1e9), "data.mix_counts": st.integers(1, 2**63 - 1)}
"""Lists of numbers instead of words."""
LAYERS = (*PROJECTIONS, "embed_tokens", "lm_head", "qkv_proj")
WORDS = {
    "lora.target_modules": (*LAYERS, "all-linear"),
    "lora.modules_to_save": (*LAYERS, "norm"),
    "export.quantization_method": [it.name for it in offered()],
}
"""What is usually meant in lists of free words."""
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)


def limits(key: str) -> dict[str, Any]:
    """The bounds that the schema declares for a key, by the names of the annotations."""
    section, name = key.split(".")
    schema = Session.model_fields[section].annotation
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    found: dict[str, Any] = {}
    for item in schema.model_fields[name].metadata:
        match item:
            case Ge() | Gt() | Le() | Lt():
                word = type(item).__name__.lower()
                found[word] = getattr(item, word)
            case MaxLen():
                found["max_length"] = item.max_length
        if pattern := getattr(item, "pattern", None):
            found["pattern"] = pattern
    return found


def legal(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values that the schema allows for a field."""
    bounds = limits(spec.key)
    values: st.SearchStrategy[Any]
    if spec.key in PATTERNED:
        values = st.sampled_from(PATTERNED[spec.key])
    elif spec.key in NUMBERS:
        values = st.lists(NUMBERS[spec.key], min_size=1, max_size=4)
    elif spec.key == "data.roles":
        values = st.dictionaries(st.text(), st.sampled_from(["system", "user", "assistant", "tool"]), max_size=3)
    elif spec.kind is tuple:
        words = spec.choices or WORDS.get(spec.key, ())
        items = [*([st.sampled_from(words)] if words else []), *([] if spec.choices else [st.text()])]
        values = st.lists(st.one_of(items), min_size=1, max_size=4)
    elif spec.kind is dict:
        values = st.dictionaries(st.text(), st.booleans() | WHOLE | st.text() | FINITE, max_size=3)
    elif spec.choices:
        values = st.sampled_from(spec.choices)
    elif spec.kind is bool:
        values = st.booleans()
    elif spec.kind is int:
        values = st.integers(bounds.get("ge", -(2**63) + 1), bounds.get("le", 2**63 - 1))
    elif spec.kind is float:
        low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
        excluded = {"exclude_min": "gt" in bounds, "exclude_max": "lt" in bounds}
        values = st.floats(low, high, allow_nan=False, allow_infinity=False, **excluded)
    else:
        values = st.text(max_size=bounds.get("max_length"))
    return st.none() | values if spec.optional else values


LEGAL = {key: legal(spec) for key, spec in SPECS.items()}


def tables() -> st.SearchStrategy[Table]:
    """Nested tables with a legal value for every key of the schema."""
    sections: dict[str, dict[str, st.SearchStrategy[Any]]] = {}
    for key, values in LEGAL.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = values
    return st.fixed_dictionaries({name: st.fixed_dictionaries(fields) for name, fields in sections.items()})


@st.composite
def few_changes(draw: st.DrawFn) -> Table:
    """Nested tables in which some keys are said, as people write them; the rest is left to the defaults."""
    table: Table = {"model": {"name": "a/b"}, "data": {"source": "train.jsonl"}}
    for key in draw(st.lists(st.sampled_from(sorted(SPECS)), max_size=10)):
        section, _, name = key.partition(".")
        table.setdefault(section, {})[name] = draw(LEGAL[key])
    return table


def facts() -> st.SearchStrategy[Facts]:
    """What may be known of model, data and machine."""
    size = st.integers(1, 200_000)
    shapes = st.lists(st.tuples(size, size), min_size=1, max_size=3).map(tuple)
    count, switch = st.none() | st.integers(0, 10**12), st.none() | st.booleans()
    return st.builds(
        Facts,
        examples=count,
        held_out_examples=count,
        conversations=switch,
        context_length=st.none() | st.integers(8, 10**8),
        parameters=count,
        has_chat_template=switch,
        linears=st.dictionaries(st.sampled_from(LAYERS), shapes, max_size=6),
        adapter_parameters=count,
        gpus=st.none() | st.integers(0, 16),
        bfloat16=switch,
        seconds_per_example=st.none() | st.floats(0, 1e9),
    )
