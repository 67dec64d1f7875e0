"""Model directories in transformers' format: opened with clear errors, saved with a note of what was trained.

``bertcli.json`` beside the weights names the groups of parameters that were trained (``encoder``, ``pooler``,
``language_model``, ``pair``, …), so that nobody takes features from a pooler that only ever held random numbers.
``heads.safetensors`` holds the heads that transformers has no place for, as ``NAME.weight`` and ``NAME.bias``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertcli import __version__
from bertcli.contracts.architecture import ARCHITECTURES, LoadedModel
from bertcli.contracts.objective import Head
from bertcli.core import atomic, fingerprints
from bertcli.core.chatter import quiet_transformers
from bertcli.core.component_folder import suggestion
from bertcli.core.hub import local_directory
from bertcli.core.listing import listed
from bertcli.errors import BertcliError, ConfigError, ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

RECORD_NAME = "bertcli.json"
HEADS_NAME = "heads.safetensors"

_CONFIG_FILES = ("config.json", RECORD_NAME, HEADS_NAME)
_SAFE_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
_PICKLED_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_HINT = "give a directory with config.json and model.safetensors, or a Hub id such as google-bert/bert-base-uncased"


def open_model(where: str, *, pooled: bool, heads: Mapping[str, Head] | None = None) -> tuple[Any, LoadedModel]:
    """The architecture and the parts of a checkpoint in a directory or on the Hub.

    A parameter of the encoder that the checkpoint lacks is an error; a pooler that it lacks starts fresh and stands in
    ``missing``. With the ``heads`` that objectives ask for, those that lie beside the model are among the parts, and
    heads that were never trained are not. Raises ``ModelError``.
    """
    directory = model_directory(where)
    architecture = architecture_of(read_config(directory), directory / "config.json")
    _check_weights(directory)
    try:
        loaded = architecture.load(directory, pooled=pooled)
    except ConfigError as error:
        raise ModelError(error.message, path=directory / "config.json", hint="fetch or copy the model again") from error
    except BertcliError:
        raise
    except Exception as error:  # whatever a broken file makes transformers raise is the file's fault
        raise ModelError(
            f"the checkpoint does not open: {_first_line(error)}",
            path=directory,
            hint="fetch or copy it again; config.json and the weights must come from the same model",
        ) from error
    _refuse_missing(directory, loaded)
    if heads is not None:
        trained = trained_parts(directory)
        kept = {name: head for name, head in loaded.heads.items() if trained is None or name in trained}
        loaded = replace(loaded, heads=kept | _heads_beside(directory, architecture, loaded.encoder, heads))
    return architecture, loaded


def model_directory(where: str) -> Path:
    """The local directory behind ``where``; from the Hub safetensors, and pickled weights only where these are all."""
    directory = local_directory(where, patterns=_CONFIG_FILES + _SAFE_WEIGHTS, hint=_HINT)
    if not Path(where).is_dir() and not _weights(directory, _SAFE_WEIGHTS):
        directory = local_directory(where, patterns=_CONFIG_FILES + _PICKLED_WEIGHTS, hint=_HINT)
    return directory


def read_config(directory: Path) -> dict[str, Any]:
    """``config.json`` of a model directory. Raises ``ModelError`` where there is none or it is not JSON."""
    path = directory / "config.json"
    if not path.is_file():
        raise ModelError("no config.json in it: not a model directory", path=directory, hint=_HINT)
    return read_config_file(path)


def read_config_file(path: Path) -> dict[str, Any]:
    """A ``config.json`` by itself."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"not readable as JSON: {error}", path=path, hint="fetch or copy the model again") from error
    if not isinstance(values, dict):
        raise ModelError("expected a JSON object", path=path, hint="fetch or copy the model again")
    return values


def architecture_of(config: dict[str, Any], path: Path) -> Any:
    """The architecture that a configuration's ``model_type`` names. Raises ``ModelError`` with the nearest name."""
    known = {architecture.model_type: architecture for architecture in map(ARCHITECTURES.load, ARCHITECTURES.names())}
    model_type = config.get("model_type")
    if model_type is None:
        raise ModelError(
            "it does not say its model_type", path=path, hint=f'add "model_type", one of: {", ".join(sorted(known))}'
        )
    if model_type not in known:
        hint = f"{suggestion([str(model_type)], known)}known: {', '.join(sorted(known))}"
        raise ModelError(f"unknown model_type {model_type!r}", path=path, hint=hint)
    return known[model_type]


def fingerprint_of_weights(directory: Path) -> str:
    """One hash over the weights of a model directory, whatever files they lie in."""
    files = sorted(file for file in directory.iterdir() if file.suffix in (".safetensors", ".bin"))
    return fingerprints.of_value({file.name: fingerprints.of_file(file) for file in files})


def save_model(
    path: Path,
    model: Any,
    *,
    trained: Sequence[str],
    tokenizer: Any,
    other_heads: Mapping[str, nn.Module] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write an assembled model, its tokenizer and the record of what was trained; whole or not at all.

    What stood at ``path`` is replaced. ``tokenizer`` has ``save(directory)``. ``other_heads`` are those that the model
    has no place for, ``facts`` what else the record says.
    """
    with atomic.new_directory(path, overwrite=True) as partial:
        with quiet_transformers():
            model.save_pretrained(partial)
        if other_heads:
            _write_heads(partial / HEADS_NAME, other_heads)
        tokenizer.save(partial)
        atomic.write_json(
            partial / RECORD_NAME, {"bertcli": __version__, "trained": sorted(set(trained)), **(facts or {})}
        )


def _write_heads(path: Path, heads: Mapping[str, nn.Module]) -> None:
    from safetensors.torch import save_file

    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, head in heads.items()
        for key, value in head.state_dict().items()
    }
    save_file(tensors, path, metadata={"format": "pt"})


def _heads_beside(directory: Path, architecture: Any, encoder: Any, asked: Mapping[str, Head]) -> dict[str, nn.Module]:
    """The heads of ``heads.safetensors`` that are asked for; none where there is no such file."""
    path = directory / HEADS_NAME
    if not path.is_file():
        return {}
    tensors = _read_heads(path)
    found = {}
    for name, head in asked.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        if own and head.encoder == "main":
            module = architecture.head(head.kind, encoder, outputs=head.outputs)
            _refuse_other_shapes(path, name, _shapes(own), _shapes(module.state_dict()))
            module.load_state_dict(own)
            found[name] = module
    return found


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a head by the names of their labels: ``weight`` (labels, inputs) and ``bias`` (labels,)."""

    labels: tuple[str, ...]
    weight: Tensor
    bias: Tensor


def labelled_rows(directory: Path, loaded: LoadedModel, head: str) -> LabelledRows | None:
    """The rows of a checkpoint's head of that name, which may lie beside the model; None without named labels."""
    if head in loaded.heads and loaded.labels:
        tensors = loaded.heads[head].state_dict(prefix=f"{head}.")
        return LabelledRows(loaded.labels, *_rows(tensors, head))
    path = directory / HEADS_NAME
    tensors = _read_heads(path) if path.is_file() else {}
    named = read_config(directory).get("id2label")
    if f"{head}.classifier.weight" not in tensors or not isinstance(named, dict):
        return None
    return LabelledRows(tuple(str(named[key]) for key in sorted(named, key=int)), *_rows(tensors, head))


def language_model_head(directory: Path, loaded: LoadedModel) -> nn.Module:
    """The trained language-model head of a checkpoint. Raises ``ModelError`` where it has none."""
    trained = trained_parts(directory)
    if "language_model" not in loaded.heads or (trained is not None and "language_model" not in trained):
        raise ModelError(
            "it has no language-model head to go on with",
            path=directory,
            hint="--lm-weight needs a model as pretraining leaves it, such as google-bert/bert-base-uncased",
        )
    return loaded.heads["language_model"]


def _rows(tensors: Mapping[str, Tensor], head: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{head}.classifier.weight"], tensors[f"{head}.classifier.bias"]


def _read_heads(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as error:  # whatever a broken file makes safetensors raise is the file's fault
        raise ModelError(
            f"the heads do not open: {_first_line(error)}",
            path=path,
            hint="fetch or copy the model again; without this file its heads start fresh",
        ) from error
    return tensors


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in sorted(tensors.items())}


def _refuse_other_shapes(
    path: Path, name: str, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]
) -> None:
    if found != expected:
        shown = [", ".join(f"{key} {shape}" for key, shape in shapes.items()) for shapes in (found, expected)]
        raise ModelError(
            f"the head {name} has {shown[0]} in it, but is asked for with {shown[1]}",
            path=path,
            hint="the heads are of another model or another objective; without this file they start fresh",
        )


def trained_parts(directory: Path) -> frozenset[str] | None:
    """The groups of parameters that were trained, as recorded; None for a checkpoint without a record."""
    path = directory / RECORD_NAME
    if not path.is_file():
        return None
    try:
        return frozenset(json.loads(path.read_text("utf-8"))["trained"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "remove the file, or copy the model again"
        raise ModelError("not a record of bertcli's", path=path, hint=hint) from error


def pooler_is_trained(directory: Path) -> bool | None:
    """Whether the pooled vector means anything: as recorded, otherwise whether the weights hold a pooler at all.

    None where neither can be known.
    """
    trained = trained_parts(directory)
    if trained is not None:
        return "pooler" in trained
    names = weight_names(directory)
    return None if names is None else any("pooler.dense" in name for name in names)


def weight_names(directory: Path) -> frozenset[str] | None:
    """The names of the parameters in a directory's weights, read without the weights; None where that fails."""
    names: set[str] = set()
    files = _weights(directory, _SAFE_WEIGHTS) or _weights(directory, _PICKLED_WEIGHTS)
    try:
        for file in files:
            names.update(_names_in(file))
    except Exception:  # noqa: BLE001 - a broken file is reported by whoever opens the weights
        return None
    return frozenset(names) if files else None


def _names_in(file: Path) -> Iterable[str]:
    if file.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(file, framework="numpy") as tensors:
            return list(tensors.keys())
    import torch

    mapped = zipfile.is_zipfile(file)  # torch's form before 1.6 is no zip file and cannot be memory-mapped
    return list(torch.load(file, map_location="meta", weights_only=True, mmap=mapped))


def _weights(directory: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(file for pattern in patterns for file in directory.glob(pattern) if file.suffix != ".json")


def _check_weights(directory: Path) -> None:
    if _weights(directory, _SAFE_WEIGHTS + _PICKLED_WEIGHTS):
        return
    others = [file.name for suffix in ("*.h5", "*.msgpack", "*.ckpt*") for file in directory.glob(suffix)]
    found = f"; {others[0]} is of another framework" if others else ""
    raise ModelError(f"no weights in it{found}", path=directory, hint="expected model.safetensors or pytorch_model.bin")


def _refuse_missing(directory: Path, loaded: LoadedModel) -> None:
    missing = [name for name in loaded.missing if ".pooler." not in name]
    if not missing:
        return
    shown = listed(missing, most=3)
    strange = [name for name in loaded.unused if ".pooler." not in name]
    unused = f"; it has {', '.join(strange[:2])}, which nothing here reads" if strange else ""
    raise ModelError(
        f"the checkpoint lacks parameters of the encoder: {shown}{unused}",
        path=directory,
        hint="config.json and the weights are of different models; take both from the same place",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
