"""The folder for results is neither empty nor standard output."""

import pytest

COMMANDS = {
    "ablate": ["--data", "data"],
    "atlas": ["--data", "data"],
    "attention": ["in.fa"],
    "compare": ["sites.tsv", "known.bed"],
    "design": ["in.fa", "--modification", "m6A", "--position", "5", "--goal", "remove"],
    "embed": ["in.fa"],
    "evaluate": ["--data", "data"],
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
