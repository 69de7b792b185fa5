"""The folder for results, or the file for weights, is neither empty nor standard output."""

import pytest

COMMANDS = {
    "ablate": ["--data", "data"],
    "atlas": ["--data", "data"],
    "attention": ["in.fa"],
    "compare": ["sites.tsv", "known.bed"],
    "design": ["in.fa", "--modification", "m6A", "--position", "5", "--goal", "remove"],
    "embed": ["in.fa"],
    "evaluate": ["--data", "data"],
    "join": ["shards"],
    "lengths": ["--data", "data"],
    "motifs": ["in.fa", "--modification", "m6A"],
    "multiqc": ["results"],
    "mutate": ["in.fa", "--modification", "m6A", "--position", "5"],
    "spectrum": ["--data", "data"],
    "train": ["--data", "data"],
    "tune": ["--config", "search.toml", "--data", "data"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_name_or_a_stream_is_a_usage_error(vqrna_main, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for name, message in {
        "": "--out is empty: expected a folder",
        "-": "--out cannot be - (standard output): expected a folder",
    }.items():
        done = vqrna_main(command, *COMMANDS[command], "--out", name)
        assert (done.code, done.err) == (2, f"vqrna: error: {message}\n")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "weights.pth", "--modification", "m6A"],
        ["model", "calibrate", "--data", "data"],
        ["model", "combine", "a.safetensors", "b.safetensors", "--data", "data"],
    ],
    ids=["convert", "calibrate", "combine"],
)
def test_a_file_with_an_empty_name_or_a_stream_is_a_usage_error(
    vqrna_main, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    for name, message in {
        "": "--out is empty: expected a file",
        "-": "--out cannot be - (standard output): expected a file",
    }.items():
        done = vqrna_main(*words, "--out", name)
        assert (done.code, done.err) == (2, f"vqrna: error: {message}\n")
        assert list(tmp_path.iterdir()) == []
