"""Ideas for the network: each part that they swap in, and that nothing of it stays."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from benchmarks.ideas import __main__ as command
from benchmarks.ideas import catalogue, quantizers, structure, table, teachers, training
from benchmarks.quality import __main__ as quality
from benchmarks.quality.cells import Job, make
from benchmarks.quality.models import spec
from benchmarks.quality.tasks import PUBLIC, Data
from test_quality_cells import SYMBOLS, write_data

from tiny import planted, tiny
from vqrna.errors import DataError, UsageError
from vqrna.nn.head import HeadPart
from vqrna.nn.model import SiteNetwork, build
from vqrna.nn.quantizer import QUANTIZERS, CosineQuantizer
from vqrna.sequence import AMBIGUOUS
from vqrna.studies import CellStore
from vqrna.training import batches, losses

NETWORKS = [idea for idea in catalogue.IDEAS if idea.spec.config is not None]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    base = tmp_path_factory.mktemp("ideas")
    return Data(write_data(base / "data", n=24), base / "keys")


@pytest.mark.parametrize("idea", NETWORKS, ids=lambda idea: idea.spec.name)
def test_every_idea_trains_and_is_measured(data, tmp_path, idea):
    own = idea.spec.config
    small = tiny(epochs=1, quantizer=own.model.quantizer, teacher=own.training.teacher)
    spec = dataclasses.replace(idea.spec, config=small)
    job = Job(spec, PUBLIC, 0, SYMBOLS)
    cell = make(job, data.task(PUBLIC), data.name, CellStore(tmp_path), tmp_path / "runs")
    assert {row["modification"] for row in cell.scores} == set(SYMBOLS)
    assert all(0 <= row["auroc"]["value"] <= 1 for row in cell.scores)
    assert set(cell.more["localisation"]) == set(SYMBOLS)


def test_nothing_of_an_idea_stays():
    before = (batches.mask_flanks, losses.classification_loss)
    for idea in NETWORKS:
        with idea.spec.changed():
            build(tiny().model, 1)
    assert (batches.mask_flanks, losses.classification_loss) == before
    network = build(tiny().model, 1)
    assert type(network.quantizer) is CosineQuantizer
    assert type(network.head.site) is HeadPart


def test_the_swapped_part_is_in_the_network():
    for idea in NETWORKS:
        if name := idea.spec.quantizer:
            model = tiny(quantizer=name).model
            assert type(SiteNetwork(model, 2).quantizer) is type(QUANTIZERS[name](model))
    with training.typed_parts():
        network = SiteNetwork(tiny().model, 2)
    assert isinstance(network.head.site, training.TypedPart)
    # The logits of a type depend on its own hidden units alone
    assert network.head.site.logits.groups == 2


def test_gradients_are_rotated():
    torch.manual_seed(0)
    rotated = quantizers.RotatedGradients(16, 3).double().eval()
    z = F.normalize(torch.randn(1, 5, 3, dtype=torch.float64), dim=-1).requires_grad_()
    found = rotated(z)
    code = rotated.lookup(found.codes)
    assert torch.allclose(found.quantized, code, atol=1e-6)
    # A gradient that points along the code comes back along the latent: none across the sphere
    found.quantized.backward(code)
    assert z.grad.abs().max() < 1e-6
    z.grad = None
    # One that is perpendicular to both stays as it is
    across = torch.linalg.cross(z.detach(), code)
    rotated(z).quantized.backward(across)
    assert torch.allclose(z.grad, across, atol=1e-6)


def test_a_second_code_comes_nearer():
    torch.manual_seed(0)
    both = quantizers.Residual(32, 8)
    optimizer = torch.optim.Adam(both.parameters(), lr=0.05)
    z = F.normalize(torch.randn(4, 100, 8), dim=-1)
    for _ in range(50):
        optimizer.zero_grad()
        both(z).loss.backward()
        optimizer.step()
    both.eval()
    found = both(z)
    one = (both.first.lookup(found.codes) - z).square().mean()
    assert (found.quantized - z).square().mean() < 0.6 * one


def test_a_tenth_of_the_codes_is_hidden_in_training_only():
    torch.manual_seed(0)
    dropped = quantizers.DroppedCodes(16, 8)
    z = torch.randn(10, 200, 8)
    hidden = (dropped(z).quantized == 0).all(dim=-1).float().mean().item()
    assert hidden == pytest.approx(0.1, abs=0.03)
    assert not (dropped.eval()(z).quantized == 0).all(dim=-1).any()


def test_latents_become_codes_little_by_little():
    torch.manual_seed(0)
    late = quantizers.LateCodes(16, 8, until=10)
    z = F.normalize(torch.randn(10, 200, 8), dim=-1)
    shares = []
    for _ in range(12):
        found = late(z)
        as_they_are = (found.quantized - z).abs().max(dim=-1).values < 1e-6
        shares.append(as_they_are.float().mean().item())
    assert shares == pytest.approx([1 - i / 10 for i in range(10)] + [0, 0], abs=0.05)
    found = late.eval()(z)
    assert torch.allclose(found.quantized, late.lookup(found.codes), atol=1e-6)


def test_flanks_are_those_of_others_beyond_a_distance():
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(40, dtype=torch.uint8)[:, None].expand(40, 101)
    found = training.swap_flanks(rows, 25, generator)
    own = found == rows
    assert own[:, 25:76].all()
    swapped = ~own[:, 0]
    assert 3 <= swapped.sum() <= 20
    for row in found[swapped]:
        assert len(row.unique()) == 2  # its own and one other's
    assert (training.swap_flanks(rows[:, :41], 25, generator) == rows[:, :41]).all()


def test_the_loss_on_the_unlabelled_by_hand():
    logits = torch.tensor([[2.0], [0.5], [-1.0], [0.0]])
    labels = torch.tensor([[1], [1], [0], [0]])

    def down(x):
        return math.log1p(math.exp(x))

    positive = down(-2) + down(-0.5)
    rest = down(-1) + down(0) - 0.05 * 2 * (down(2) + down(0.5)) / 2
    expected = (positive + rest / 0.95) / 4
    assert training.unlabelled_loss(logits, labels).item() == pytest.approx(expected)
    # Never below nothing: negatives that are told for certain
    sure = torch.tensor([[9.0], [9.0], [-20.0], [-20.0]])
    assert training.unlabelled_loss(sure, labels).item() == pytest.approx(2 * down(-9) / 4)
    # Without a modified window it is the plain loss; unknown labels have no part
    alone = torch.tensor([[-1], [-1], [0], [0]])
    plain = losses.classification_loss(logits, alone)
    assert training.unlabelled_loss(logits, alone).item() == pytest.approx(plain.item())


def test_hidden_codes_are_asked_for():
    generator = torch.Generator().manual_seed(0)
    codes = torch.zeros(20, 155, dtype=torch.int64)
    hidden, places = training._hidden(codes, 59, generator)
    assert hidden.float().mean().item() == pytest.approx(training.HIDDEN, abs=0.03)
    assert places.abs().max() <= 59
    assert hidden.gather(1, places + 77).float().mean() > 0.85


def test_pre_training_learns_to_tell_hidden_codes(capsys):
    windows = planted(1212, 271)
    windows.tokens[:] = np.arange(271) // 9 % 4  # what is hidden follows from what stands beside
    training.masked_codes(windows, tiny(length=201, learning_rate=0.01, batch_size=12))
    first, last = (float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines())
    assert last < first - 1


def test_structure_needs_its_library_and_finds_a_hairpin(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "RNA", None)
    with pytest.raises(DataError, match="pip install ViennaRNA"):
        structure.unpaired(np.zeros((1, 101), dtype=np.uint8))
    monkeypatch.undo()
    pytest.importorskip("RNA", reason="ViennaRNA is not installed")
    tokens = np.zeros((1, 101), dtype=np.uint8)  # A, and a stem of GC about the site
    tokens[0, 38:46], tokens[0, 56:64] = 2, 1
    found = structure.unpaired(tokens)
    assert found.shape == (1, structure.TOLD + 1)
    alone = found[0, : structure.TOLD]
    assert alone[25] > 0.95  # the loop
    assert alone[38 - 25 + 3] < 0.1  # within the stem
    assert found[0, -1] < -5


def test_the_table_compares_with_the_control(data, tmp_path, monkeypatch):
    two = [
        dataclasses.replace(
            catalogue.idea(name),
            spec=dataclasses.replace(catalogue.idea(name).spec, config=tiny(epochs=1)),
        )
        for name in ("control", "swapped-flanks")
    ]
    two[1] = dataclasses.replace(two[1], control="cpg")
    for module in (catalogue, table):
        monkeypatch.setattr(module, "IDEAS", tuple(two))
        monkeypatch.setattr(module, "SPECS", tuple(idea.spec for idea in two))
    monkeypatch.setattr("benchmarks.quality.statistics.NINE", SYMBOLS)
    for idea in two:
        make(
            Job(idea.spec, PUBLIC, 0, SYMBOLS),
            data.task(PUBLIC),
            data.name,
            CellStore(tmp_path / "cells"),
            tmp_path / "runs",
        )
    make(
        Job(spec("cpg"), PUBLIC, 0, SYMBOLS),
        data.task(PUBLIC),
        data.name,
        CellStore(data._keys.parent),
        tmp_path / "runs",
    )
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- quality: ideas -->\nto go\n<!-- -->\nafter\n")
    table.write_table(tmp_path / "cells", data._keys.parent, page)
    text = page.read_text()
    assert "to go" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "idea" not in line]
    assert len(rows) == 3
    assert all(row.count("|") == 10 for row in rows)
    assert [row.count("(") for row in rows] == [0, 2 + 1, 0]  # the title has one, too
    assert rows[2].startswith("| CpG content")
    assert rows[1].endswith("| 1 / 1 |")
    for empty in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="no finished idea"):
            table.write_table(empty, data._keys.parent, page)


def test_what_is_asked_for_comes_behind_its_control():
    assert command.chosen(["rotation", "codes-128"]) == ["control", "rotation", "codes-128"]
    assert command.chosen(["structure"]) == ["structure"]  # trees are of the other benchmark


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--seeds", "x"], "invalid list of seeds 'x'"), (["--threads", "0"], "invalid number '0'")],
)
def test_wrong_numbers_are_refused_in_a_line(more, said, capsys):
    for benchmark in (command, quality):
        with pytest.raises(SystemExit) as stopped:
            benchmark.main(["data", *more])
        assert stopped.value.code == 2
        assert said in capsys.readouterr().err.splitlines()[-1]


def test_an_idea_that_fails_does_not_stop_the_others(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "RNA", None)
    monkeypatch.setattr(command, "QUALITY", data._keys.parent)
    small = catalogue.idea("control").spec
    monkeypatch.setattr(
        catalogue,
        "IDEAS",
        (
            catalogue.idea("structure"),
            dataclasses.replace(
                catalogue.idea("control"), spec=dataclasses.replace(small, config=tiny(epochs=1))
            ),
        ),
    )
    arguments = [str(data._keys.parent / "data"), "--ideas", "structure,control"]
    places = ["--results", str(tmp_path / "cells"), "--runs", str(tmp_path / "runs")]
    args = command.parser().parse_args([*arguments, *places])
    assert command.work(args, ["structure", "control"]) == 1
    told = capsys.readouterr()
    assert "structure, seed 0: failed: structure needs ViennaRNA" in told.err
    assert "control, seed 0:" in told.out


def test_networks_judge_what_they_have_not_seen(tmp_path, monkeypatch):
    windows = planted(150, 51, symbols=("Am", "Cm"))
    seen = []

    def train(train, valid, *args, **more):
        seen.append((set(train.names), set(valid.names)))
        return real(train, valid, *args, **more)

    real = teachers.train_network
    monkeypatch.setattr(teachers, "train_network", train)
    found = teachers.out_of_fold(windows, tiny(epochs=1), tmp_path)
    assert found.shape == (300, 2)
    assert np.isfinite(found).all()
    assert len(seen) == 3
    assert all(not learned & judged for learned, judged in seen)
    assert set().union(*(judged for _, judged in seen)) == set(windows.names)


def test_an_unknown_idea_is_refused():
    with pytest.raises(UsageError, match="unknown idea 'fsk'"):
        catalogue.idea("fsk")


def test_ambiguous_letters_can_be_swapped_in():
    tokens = torch.full((8, 61), AMBIGUOUS, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    assert (training.swap_flanks(tokens, 25, generator) == AMBIGUOUS).all()
