"""What a checkpoint's config.json says, as the shape of our decoder; and why some can have none.

Every field that would change the arithmetic is looked at. One that asks for something our decoder does not do is
refused by its name: a model that is read almost right speaks almost right, and nobody knows why.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.model_folders import first_line, unreadable_error
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.storage.files import read_json as read_value

KNOWN: dict[str, tuple[Any, ...]] = {  # settings that a Llama may have, and the values that our decoder can do
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "quantization_config": (None,),
    "rope_interleaved": (False, None),
    "sliding_window": (None,),
}


def read_shape(folder: Path) -> DecoderShape:
    """What config.json describes. BadCheckpoint if that is nothing our decoder can be."""
    config = read_json(folder / "config.json")
    if reason := why_not(config):
        raise unreadable_error(folder, reason)
    try:
        return _shape(config)
    except KeyError as error:
        raise unreadable_error(folder, f"config.json does not say {error.args[0]}") from error
    except (ConfigError, TypeError, ValueError, ZeroDivisionError) as error:
        raise unreadable_error(folder, f"config.json does not fit together ({first_line(error)})") from error


def why_not(config: Mapping[str, Any]) -> str:
    """Why our decoder cannot be the model that `config` describes; "" if it can."""
    if (kind := config.get("model_type")) != "llama":
        return f"it is of kind {kind!r} and our decoder is a 'llama'; other kinds are read by transformers"
    for name, known in KNOWN.items():
        if config.get(name, known[0]) not in known:
            return f"it has {name}={config[name]!r}, and our decoder can do {known[0]!r} only"
    rope = _rope(config)
    if (way := rope.get("rope_type", rope.get("type", "default"))) != "default":
        return (
            f"its positions are scaled ({way!r}); our decoder needs plain ones, as the model before its extension has"
        )
    if (part := rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1))) != 1:
        return f"it rotates a part ({part}) of every head, and our decoder rotates all of it"
    return ""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. BadCheckpoint if there is none."""
    try:
        found = read_value(path)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = f"it has no {path.name}" if missing else f"{path.name}: {first_line(error)}"
        raise unreadable_error(path.parent, reason) from error
    if not isinstance(found, dict):
        raise unreadable_error(path.parent, f"{path.name} holds no settings")
    return found


def _shape(config: Mapping[str, Any]) -> DecoderShape:
    width, heads = _whole(config["hidden_size"]), _whole(config["num_attention_heads"])
    return DecoderShape(
        vocab_size=_whole(config["vocab_size"]),
        num_layers=_whole(config["num_hidden_layers"]),
        width=width,
        num_heads=heads,
        num_kv_heads=_whole(config.get("num_key_value_heads") or heads),
        head_width=_whole(config.get("head_dim") or width // heads),
        ffn_width=_whole(config["intermediate_size"]),
        rope_base=float(_rope(config).get("rope_theta", config.get("rope_theta", 10_000.0))),
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
        context=_whole(config.get("max_position_embeddings", 2_048)),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _whole(number: Any) -> int:
    if not isinstance(number, int):
        raise TypeError(f"{number!r} is no whole number")
    return number


def _rope(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of positions, in a new config or an old one."""
    said = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return said if isinstance(said, dict) else {"rope_type": said}
