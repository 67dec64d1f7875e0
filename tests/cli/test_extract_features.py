"""``bertcli extract-features``: vectors are those of transformers, in the order of the input; mistakes are said."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import transformers
from safetensors.numpy import load_file

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the cat sat on mat a dog ran far away and came back ##s ##ing hello world ! é 世"
PIECES = [*SPECIALS, *WORDS.split()]
TEXTS = [
    "the cat sat on the mat",
    "a dog",
    "",
    "the dogs ran far away and came back hello world !",
    "hello",
    "a cat " * 9,
]
LONGEST = 16


def make_model(directory: Path, class_name: str = "BertModel", pieces: list[str] = PIECES, layers: int = 5) -> Path:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
    )
    with quiet_transformers():
        getattr(transformers, class_name)(config).save_pretrained(directory)
    (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    transformers.BertTokenizer(vocab=str(directory / "vocab.txt")).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def hidden_states(model: Path, text: str) -> tuple[np.ndarray, ...]:
    """Every layer's output for one text by itself, through transformers: (pieces, 32) each."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    encoded = tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
    with quiet_transformers(), torch.inference_mode():
        bert = transformers.BertModel.from_pretrained(model).eval()
        return tuple(layer[0].numpy() for layer in bert(**encoded, output_hidden_states=True).hidden_states)


def extract(source: Path | str, model: Path, output: Path, *arguments: str) -> dict[str, np.ndarray]:
    command = ["extract-features", str(source), "--model", str(model), "-o", str(output), "--precision", "fp32"]
    assert run([*command, "--device", "cpu", "--quiet", *arguments]) == 0
    with np.load(output, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


LAYERS = {
    "embeddings": lambda states: states[0],
    "second-to-last": lambda states: states[-2],
    "last": lambda states: states[-1],
    "sum-last-four": lambda states: sum(states[-4:]),
    "concat-last-four": lambda states: np.concatenate(states[-4:], axis=1),
    "sum-all": lambda states: sum(states[1:]),
}
POOLINGS = {"cls": lambda chosen: chosen[0], "mean": lambda chosen: chosen.mean(0), "max": lambda chosen: chosen.max(0)}


@pytest.mark.parametrize("layers", LAYERS)
def test_vectors_of_all_layers_equal_transformers(layers: str, model: Path, texts: Path, tmp_path: Path) -> None:
    states = [hidden_states(model, text) for text in TEXTS]
    for pooling, pool in POOLINGS.items():
        output = tmp_path / f"{pooling}.npz"
        found = extract(texts, model, output, "--layers", layers, "--pooling", pooling, "--batch-size", "2")
        expected = np.stack([pool(LAYERS[layers](state)) for state in states])
        np.testing.assert_allclose(found["features"], expected, atol=1e-5)


def test_without_pooling_every_piece_keeps_its_vector(model: Path, texts: Path, tmp_path: Path) -> None:
    found = extract(texts, model, tmp_path / "features.npz", "--pooling", "none", "--batch-size", "2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    ids = [tokenizer(text, truncation=True, max_length=LONGEST)["input_ids"] for text in TEXTS]
    assert found["lengths"].tolist() == [len(row) for row in ids]
    assert found["input_ids"].tolist() == [piece for row in ids for piece in row]
    expected = np.concatenate([hidden_states(model, text)[-1] for text in TEXTS])
    np.testing.assert_allclose(found["features"], expected, atol=1e-5)


def test_the_pooler_is_read_where_the_model_has_one(model: Path, texts: Path, tmp_path: Path) -> None:
    found = extract(texts, model, tmp_path / "features.npz", "--pooling", "pooler")
    with quiet_transformers():
        bert = transformers.BertModel.from_pretrained(model).eval()
    first = torch.as_tensor(np.stack([hidden_states(model, text)[-1][0] for text in TEXTS]))
    expected = bert.pooler(first[:, None]).detach().numpy()
    np.testing.assert_allclose(found["features"], expected, atol=1e-5)


def test_every_format_holds_the_same_vectors(model: Path, texts: Path, tmp_path: Path) -> None:
    expected = extract(texts, model, tmp_path / "features.npz")["features"]
    for suffix in (".parquet", ".safetensors"):
        output = str(tmp_path / f"features{suffix}")
        assert (
            run(["extract-features", str(texts), "-m", str(model), "-o", output, "--quiet", "--precision", "fp32"]) == 0
        )
        if suffix == ".parquet":
            found = np.asarray(pq.read_table(output)["features"].to_pylist(), dtype=np.float32)
        else:
            found = load_file(output)["features"]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_gives_its_text_column(suffix: str, model: Path, texts: Path, tmp_path: Path) -> None:
    kept = [text.strip() for text in TEXTS if text]
    table = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"n": range(len(kept)), "body": kept}), table)
    elif suffix == ".jsonl":
        table.write_text("".join(json.dumps({"n": n, "body": text}) + "\n" for n, text in enumerate(kept)))
    else:
        separator = "," if suffix == ".csv" else "\t"
        table.write_text(f"n{separator}body\n" + "".join(f"{n}{separator}{text}\n" for n, text in enumerate(kept)))
    found = extract(table, model, tmp_path / "table.npz", "--text-column", "body")["features"]
    expected = extract(texts, model, tmp_path / "lines.npz")["features"]
    np.testing.assert_allclose(found, np.delete(expected, TEXTS.index(""), axis=0), atol=1e-6)


def test_standard_input_byte_order_marks_and_windows_lines_are_read(
    model: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"\xef\xbb\xbf" + "\r\n".join(TEXTS).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    found = extract("-", model, tmp_path / "stdin.npz")["features"]
    np.testing.assert_allclose(found, extract(texts, model, tmp_path / "file.npz")["features"], atol=1e-6)


def test_the_report_counts_what_was_cut(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "features.npz"
    command = ["extract-features", str(texts), "-m", str(model), "-o", str(output), "--device", "cpu"]
    assert run([*command, "--json", "--max-length", "6"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["texts"], report["vectors"], report["dimensions"]) == (6, 6, 32)
    assert (report["truncated"], report["max_length"]) == (3, 6)
    assert report["tokens"] == 6 + 4 + 2 + 6 + 3 + 6
    assert "note: 3 of 6 texts were longer than 6 pieces and were cut" in captured.err
    metadata = json.loads(str(np.load(output, allow_pickle=False)["bertcli"]))
    assert (metadata["layers"], metadata["pooling"], metadata["texts"]) == ("last", "mean", 6)


def test_a_person_sees_a_summary(model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["extract-features", str(texts), "-m", str(model), "-o", str(tmp_path / "f.npz"), "--limit", "2"]
    assert run([*command, "--device", "cpu", "--precision", "fp32"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:4] == ["vectors 2 texts × 32", "texts 2 (0 cut at 16 pieces)", "made from last, mean, fp32 on cpu"]


def test_bf16_stays_near_fp32(model: Path, texts: Path, tmp_path: Path) -> None:
    exact = extract(texts, model, tmp_path / "fp32.npz")["features"]
    near = extract(texts, model, tmp_path / "bf16.npz", "--precision", "bf16")["features"]
    assert near.dtype == np.float32
    np.testing.assert_allclose(near, exact, atol=0.05)
    assert not np.array_equal(near, exact)


def test_vectors_do_not_depend_on_the_batch_size(model: Path, texts: Path, tmp_path: Path) -> None:
    one = extract(texts, model, tmp_path / "one.npz", "--batch-size", "1")["features"]
    all_together = extract(texts, model, tmp_path / "all.npz", "--batch-size", "64")["features"]
    np.testing.assert_allclose(one, all_together, atol=1e-5)


def test_bytes_that_are_no_text_are_refused_or_replaced(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"hello\nna\xefve\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    error = refusal(capsys, "-", "-m", model, "-o", tmp_path / "f.npz")
    assert "error: standard input:2: not UTF-8: byte 0xef at position 3 of the line" in error
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert extract("-", model, tmp_path / "f.npz", "--errors", "replace")["features"].shape == (2, 32)


def test_a_row_without_text_keeps_its_place(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "holes.jsonl"
    table.write_text('{"text": "a"}\n{"text": null}\n{"text": ""}\n')
    command = ["extract-features", str(table), "-m", str(model), "-o", str(tmp_path / "f.npz"), "--device", "cpu"]
    assert run(command) == 0
    assert "have the vector of an empty text: 1" in capsys.readouterr().err
    features = np.load(tmp_path / "f.npz", allow_pickle=False)["features"]
    assert len(features) == 3
    np.testing.assert_array_equal(features[1], features[2])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert run(["extract-features", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hint: " in captured.err
    assert "Traceback" not in captured.err
    return captured.err


def test_an_untrained_pooler_is_refused(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "mlm", "BertForMaskedLM")
    error = refusal(capsys, texts, "-m", model, "-o", tmp_path / "f.npz", "--pooling", "pooler")
    assert f"error: {model}: its pooler was never trained: the pooled vectors would be random" in error
    recorded = make_model(tmp_path / "recorded", "BertForPreTraining")
    (recorded / "bertcli.json").write_text('{"trained": ["encoder", "language_model"]}')
    assert "never trained" in refusal(capsys, texts, "-m", recorded, "-o", tmp_path / "f.npz", "--pooling", "pooler")
    assert extract(texts, recorded, tmp_path / "f.npz", "--pooling", "cls")["features"].shape == (6, 32)


def test_the_pooler_has_no_other_layers(model: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refusal(capsys, texts, "-m", model, "--pooling", "pooler", "--layers", "sum-all")
    assert "error: the pooler reads the last layer, not sum-all" in error
    assert "hint: --pooling cls takes [CLS] there" in error


def test_too_shallow_a_model_is_said(texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "shallow", layers=2)
    error = refusal(capsys, texts, "-m", model, "-o", tmp_path / "f.npz", "--layers", "concat-last-four")
    assert "--layers concat-last-four needs 4 layers, the model has 2" in error


def test_more_than_the_model_takes_is_refused(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refusal(capsys, texts, "-m", model, "-o", tmp_path / "f.npz", "--max-length", "17")
    assert "--max-length 17: the model takes 16 pieces at most" in error


def test_a_vocabulary_that_is_too_large_is_refused(
    texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model(tmp_path / "grown", pieces=[*PIECES, "more", "pieces"])
    error = refusal(capsys, texts, "-m", model, "-o", tmp_path / "f.npz")
    assert f"the vocabulary has {len(PIECES) + 2} pieces, the model only {len(PIECES)}" in error


def test_an_output_that_is_there_is_kept(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "features.npz"
    output.write_bytes(b"precious")
    error = refusal(capsys, texts, "-m", model, "-o", output)
    assert f"error: {output}: the output is there already" in error
    assert output.read_bytes() == b"precious"
    assert extract(texts, model, output, "--overwrite")["features"].shape == (6, 32)


def test_an_unknown_format_is_refused(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refusal(capsys, texts, "-o", "features.csv")
    assert "output 'features.csv' is of no known format" in error
    assert "hint: end it with one of .npz, .parquet, .safetensors" in error


def test_a_gpu_that_is_not_there_is_said(
    model: Path, texts: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "error: there is no cuda device here" in refusal(capsys, texts, "-m", model, "--device", "cuda")


def test_a_model_that_is_not_there_is_said(
    texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "./nowhere: no such directory" in refusal(capsys, texts, "-m", "./nowhere")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("nowhere.txt", None, "no such file"),
        ("empty.txt", b"", "there is no text in it"),
        ("latin.txt", b"fine\nna\xefve\n", "latin.txt: not UTF-8: byte 0xef at offset 7"),
        ("table.csv", b"body\nhello\n", "no column 'text'"),
        ("folder", None, "a directory, not a file"),
    ],
)
def test_input_that_cannot_be_read_is_said_and_leaves_nothing(
    name: str, data: bytes | None, message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    if data is not None:
        path.write_bytes(data)
    assert message in refusal(capsys, path, "-m", model, "-o", tmp_path / "out" / "features.npz")
    assert not list(tmp_path.glob("out/*"))
