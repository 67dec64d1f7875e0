"""Model directories open or say why not, and remember what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bertcli.architectures.bert import Bert
from bertcli.core.chatter import quiet_transformers
from bertcli.errors import ModelError
from bertcli.models.checkpoint import open_model, pooler_is_trained, save_model, trained_parts, weight_names

TINY = Bert.Settings(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16)


class Tokenizer:
    def save(self, directory: Path) -> None:
        (directory / "vocab.txt").write_text("[PAD]\n")


def parts(*heads: str) -> Any:
    encoder = build_encoder(pooled=heads != ("language_model",))
    return Bert.assemble(encoder, {name: Bert.head(name, encoder) for name in heads})


def build_encoder(*, pooled: bool) -> Any:
    torch.manual_seed(0)
    config = Bert.configuration("bert-tiny", None, overrides=TINY)
    config.vocab_size = 50
    return Bert.build(config, pooled=pooled)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    save_model(directory, parts("language_model"), trained=["encoder", "language_model"], tokenizer=Tokenizer())
    return directory


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    directory = tmp_path / "foreign"
    with quiet_transformers():
        parts("language_model", "pair").save_pretrained(directory)
    return directory


def change(directory: Path, **values: Any) -> None:
    config = json.loads((directory / "config.json").read_text())
    kept = {name: value for name, value in (config | values).items() if value is not None}
    (directory / "config.json").write_text(json.dumps(kept))


def test_a_saved_model_opens_with_its_tokenizer_and_record(saved: Path) -> None:
    assert {file.name for file in saved.iterdir()} == {"config.json", "model.safetensors", "vocab.txt", "bertcli.json"}
    architecture, loaded = open_model(str(saved), pooled=False)
    assert architecture is Bert
    assert set(loaded.heads) == {"language_model"}
    assert trained_parts(saved) == {"encoder", "language_model"}
    assert json.loads((saved / "config.json").read_text())["architectures"] == ["BertForMaskedLM"]


def test_saving_again_replaces_the_model_whole(saved: Path) -> None:
    (saved / "left-over").touch()
    save_model(saved, parts("language_model", "pair"), trained=["encoder", "pooler"], tokenizer=Tokenizer())
    assert not (saved / "left-over").exists()
    assert set(open_model(str(saved), pooled=True)[1].heads) == {"language_model", "pair"}


def test_a_failed_save_leaves_the_old_model(saved: Path) -> None:
    class Broken:
        def save(self, directory: Path) -> None:
            raise RuntimeError(directory)

    before = (saved / "model.safetensors").read_bytes()
    with pytest.raises(RuntimeError):
        save_model(saved, parts("language_model", "pair"), trained=[], tokenizer=Broken())
    assert (saved / "model.safetensors").read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["model"]


def test_saving_and_opening_print_nothing(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_model(saved, parts("language_model"), trained=[], tokenizer=Tokenizer())
    open_model(str(saved), pooled=True)
    assert capfd.readouterr() == ("", "")


def test_the_record_says_whether_the_pooler_was_trained(saved: Path) -> None:
    assert pooler_is_trained(saved) is False
    save_model(saved, parts("language_model", "pair"), trained=["pooler"], tokenizer=Tokenizer())
    assert pooler_is_trained(saved) is True


def test_the_record_outweighs_the_file(saved: Path) -> None:
    """A pooler may be in the weights and never have been trained: masked LM on a BertForPreTraining."""
    save_model(saved, parts("language_model", "pair"), trained=["encoder"], tokenizer=Tokenizer())
    assert any("pooler" in name for name in weight_names(saved) or ())
    assert pooler_is_trained(saved) is False


def test_a_foreign_pooler_counts_as_trained_where_it_is_there(foreign: Path) -> None:
    assert pooler_is_trained(foreign) is True
    with quiet_transformers():
        parts("language_model").save_pretrained(foreign)
    assert pooler_is_trained(foreign) is False


@pytest.mark.parametrize("zipped", [True, False])
def test_names_are_read_from_pickled_weights_too(foreign: Path, zipped: bool) -> None:
    from safetensors.torch import load_file

    weights = load_file(foreign / "model.safetensors")
    (foreign / "model.safetensors").unlink()
    torch.save(weights, foreign / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    assert weight_names(foreign) == set(weights)
    assert set(open_model(str(foreign), pooled=True)[1].heads) == {"language_model", "pair"}


def test_whether_a_pooler_was_trained_is_unknown_where_the_weights_do_not_open(foreign: Path) -> None:
    (foreign / "model.safetensors").write_bytes(b"nothing")
    assert pooler_is_trained(foreign) is None
    (foreign / "model.safetensors").unlink()
    assert pooler_is_trained(foreign) is None


def test_a_pooler_that_is_missing_starts_fresh(saved: Path) -> None:
    assert open_model(str(saved), pooled=True)[1].missing == ("bert.pooler.dense.bias", "bert.pooler.dense.weight")


def refusal(directory: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        open_model(str(directory), pooled=False)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def test_no_such_directory_is_said(tmp_path: Path) -> None:
    assert "no such directory" in refusal(tmp_path / "nowhere").message


def test_no_config_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == "no config.json in it: not a model directory"


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not readable as JSON"), ("[]", "expected a JSON object"), ("\xff", "not readable as JSON")],
)
def test_a_broken_config_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    assert message in refusal(tmp_path).message


def test_an_unknown_model_type_is_answered_with_the_nearest(foreign: Path) -> None:
    change(foreign, model_type="brt")
    error = refusal(foreign)
    assert error.message == "unknown model_type 'brt'"
    assert error.hint is not None and error.hint.startswith("did you mean 'bert'?")


def test_a_config_without_model_type_is_said(foreign: Path) -> None:
    change(foreign, model_type=None)
    assert refusal(foreign).message == "it does not say its model_type"


def test_a_config_that_cannot_be_is_said(foreign: Path) -> None:
    change(foreign, num_attention_heads=3)
    assert refusal(foreign).message.endswith("bert: hidden_size 32 is not a multiple of num_attention_heads 3")
    change(foreign, num_attention_heads=2, hidden_size="wide")
    assert "Field 'hidden_size' expected int, got str" in refusal(foreign).message


def test_no_weights_are_said(foreign: Path) -> None:
    (foreign / "model.safetensors").rename(foreign / "tf_model.h5")
    assert refusal(foreign).message == "no weights in it; tf_model.h5 is of another framework"
    (foreign / "tf_model.h5").unlink()
    assert refusal(foreign).message == "no weights in it"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_cut_off_weights_are_said(foreign: Path, share: float) -> None:
    weights = foreign / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: int(len(data) * share)])
    assert "does not open" in refusal(foreign).message


def test_weights_that_would_run_code_are_refused(foreign: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    (foreign / "model.safetensors").unlink()
    torch.save({"bert.embeddings.word_embeddings.weight": Evil()}, foreign / "pytorch_model.bin")
    assert "does not open" in refusal(foreign).message
    assert pooler_is_trained(foreign) is None
    assert not (tmp_path / "ran").exists()


def test_sizes_that_do_not_fit_are_said(foreign: Path) -> None:
    change(foreign, intermediate_size=100)
    message = refusal(foreign).message
    assert "is (128,) in the weights, but config.json says (100,) (5 more do not fit either)" in message


def test_missing_layers_are_an_error_that_names_the_first(foreign: Path) -> None:
    change(foreign, num_hidden_layers=3)
    message = refusal(foreign).message
    assert message.startswith("the checkpoint lacks parameters of the encoder: bert.encoder.layer.2.attention.output")
    assert message.endswith("and 13 more")


def test_weights_of_another_model_are_an_error_that_names_both(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with quiet_transformers():
        parts("language_model").save_pretrained(tmp_path)
    save_file({"gpt.h.0.weight": torch.zeros(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    message = refusal(tmp_path).message
    assert "lacks parameters of the encoder: bert.embeddings" in message
    assert "it has gpt.h.0.weight" in message


def test_a_broken_record_is_said(saved: Path) -> None:
    (saved / "bertcli.json").write_text("[]")
    with pytest.raises(ModelError, match="not a record"):
        pooler_is_trained(saved)


def test_remote_code_is_never_run(foreign: Path, tmp_path: Path) -> None:
    (foreign / "modeling_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    change(foreign, auto_map={"AutoModel": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Evil"})
    open_model(str(foreign), pooled=True)
    assert not (tmp_path / "ran").exists()


def test_transformers_own_loader_opens_a_saved_model(saved: Path) -> None:
    with quiet_transformers():
        model, info = transformers.AutoModelForMaskedLM.from_pretrained(saved, output_loading_info=True)
    assert not any(info.values())
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
