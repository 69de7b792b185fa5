"""The published layout: its names, its base order, and that nothing in it is executed."""

import pickle

import numpy as np
import pytest
import torch

from tiny import columns, fresh, random_tokens, tiny, tiny_paper
from vqrna.errors import DataError, UsageError
from vqrna.model.published import read_pth, write_pth
from vqrna.modifications import modifications
from vqrna.sequence import ALPHABET

AM = modifications(["Am"])


@pytest.fixture(scope="module")
def model():
    return fresh(tiny_paper(length=101), ("Am",))


@pytest.fixture(scope="module")
def pth(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "model.pth"
    write_pth(model, path)
    return path


def state(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_there_and_back_is_the_same_model(model, pth):
    back = read_pth(pth, AM, length=101)
    for name, tensor in model.network.state_dict().items():
        assert back.network.state_dict()[name].equal(tensor), name
    windows = random_tokens(6, 101, ambiguous=0.05)
    np.testing.assert_array_equal(back.logits(windows), model.logits(windows))
    assert not back.network.training
    assert back.config.model.length == 101


def test_the_names_and_shapes_are_the_published_ones(pth):
    held = {name: tuple(tensor.shape) for name, tensor in state(pth).items()}
    expected = {
        "_encoder.conv1.weight": (256, 4, 4),
        "_encoder.conv3.bias": (64,),
        "_vq_vae._embedding.weight": (512, 64),
        "_decoder.deconv1.weight": (64, 512, 3),
        "_decoder.deconv3.weight": (256, 4, 4),
        "layers.0.attention.w_q.weight": (64, 64),
        "layers.5.attention.w_v.bias": (64,),
        "layers.3.attention.w_concat.weight": (64, 64),
        "layers.0.norm1.gamma": (64,),
        "layers.5.norm2.beta": (64,),
        "layers.2.ffn.linear1.weight": (64, 64),
        "final.0.weight": (32, 64),
        "final.1.bias": (32,),
        "final.3.weight": (2, 32),
    }
    assert expected.items() <= held.items()


def test_the_file_holds_the_published_number_of_parameters(tmp_path):
    write_pth(fresh(tiny_paper(length=501), ("Am",)), tmp_path / "model.pth")
    held = state(tmp_path / "model.pth")
    assert sum(tensor.numel() for tensor in held.values()) == 1_572_326
    unused = [tensor.numel() for name, tensor in held.items() if "_residual_stack2" in name]
    assert sum(unused) == 65_536


def test_the_unused_block_is_dropped_or_may_be_missing(pth, model, tmp_path):
    held = state(pth)
    windows = random_tokens(3, 101)
    for change in ("noise", "missing"):
        for name in [name for name in held if "_residual_stack2" in name]:
            if change == "noise":
                held[name] = torch.randn_like(held[name])
            else:
                del held[name]
        torch.save({"state_dict": held}, tmp_path / "changed.pth")
        back = read_pth(tmp_path / "changed.pth", AM, length=101)
        np.testing.assert_array_equal(back.logits(windows), model.logits(windows))


def published_forward(held, one_hot):
    """Compute the published network from its own tensors, as its paper tells it, base by base."""
    f = torch.nn.functional
    x = f.relu(f.conv1d(one_hot, held["_encoder.conv1.weight"], held["_encoder.conv1.bias"], 2, 1))
    x = f.relu(f.conv1d(x, held["_encoder.conv2.weight"], held["_encoder.conv2.bias"], 2, 1))
    x = f.conv1d(x, held["_encoder.conv3.weight"], held["_encoder.conv3.bias"], 3, 2)
    codebook = held["_vq_vae._embedding.weight"]
    x = codebook[torch.cdist(x.transpose(1, 2), codebook).argmin(-1)]  # (N, T, 64)
    decoded = x.transpose(1, 2)
    for i, (stride, padding) in enumerate(((2, 1), (2, 1), (3, 1)), start=1):
        name = f"_decoder.deconv{i}"
        decoded = f.conv_transpose1d(
            decoded, held[f"{name}.weight"], held[f"{name}.bias"], stride, padding
        )
        decoded = f.relu(decoded) if i < 3 else decoded.softmax(1)
    for i in range(6):

        def linear(part, y, layer=f"layers.{i}"):
            return f.linear(y, held[f"{layer}.{part}.weight"], held[f"{layer}.{part}.bias"])

        def norm(part, y, layer=f"layers.{i}"):
            return f.layer_norm(
                y, (64,), held[f"{layer}.{part}.gamma"], held[f"{layer}.{part}.beta"], 1e-12
            )

        n, t, _ = x.shape
        q, k, v = (linear(f"attention.w_{w}", x).view(n, t, 8, 8).transpose(1, 2) for w in "qkv")
        weights = (q @ k.transpose(2, 3) / 8**0.5).softmax(-1)
        y = (weights @ v).transpose(1, 2).reshape(n, t, 64)
        x = norm("norm1", x + linear("attention.w_concat", y))
        x = norm("norm2", x + linear("ffn.linear2", f.relu(linear("ffn.linear1", x))))
    site = x[:, (x.shape[1] + 1) // 2]
    y = f.linear(site, held["final.0.weight"], held["final.0.bias"])
    y = f.silu(f.layer_norm(y, (32,), held["final.1.weight"], held["final.1.bias"]))
    return f.linear(y, held["final.3.weight"], held["final.3.bias"]), decoded


@pytest.mark.parametrize("order", ["ATCG", "ACGU", "GCTA", "tcga"])
def test_the_published_arithmetic_on_the_published_order_of_bases(model, pth, order):
    """Our import reads ACGU and gives what the published code gives on its own one-hot order."""
    held = state(pth)
    ours = read_pth(pth, AM, length=101, base_order=order).network
    one_hot = columns(random_tokens(5, 101, ambiguous=0.02))
    theirs = one_hot[:, [ALPHABET.index(base) for base in order.upper().replace("T", "U")]]
    logits, decoded = published_forward(held, theirs)
    with torch.inference_mode():
        output = ours(one_hot)
    torch.testing.assert_close(output.class_logits[:, 0], logits, rtol=1e-3, atol=1e-4)
    at = [order.upper().replace("T", "U").index(base) for base in ALPHABET]
    torch.testing.assert_close(output.reconstruction, decoded[:, at], rtol=1e-3, atol=1e-5)


def test_state_dicts_come_bare_and_from_several_devices(pth, tmp_path, model):
    held = {f"module.{name}": tensor for name, tensor in state(pth).items()}
    torch.save(held, tmp_path / "bare.pth")
    torch.save(held, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    windows = random_tokens(3, 101)
    for name in ("bare.pth", "old.pth"):
        back = read_pth(tmp_path / name, AM, length=101)
        np.testing.assert_array_equal(back.logits(windows), model.logits(windows))


def test_a_joint_model_goes_there_and_back(tmp_path):
    model = fresh(tiny_paper(), ("Am", "Cm", "Um"))
    write_pth(model, tmp_path / "model.pth")
    back = read_pth(tmp_path / "model.pth", model.modifications, length=51)
    windows = random_tokens(3, 51)
    np.testing.assert_array_equal(back.logits(windows), model.logits(windows))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", ["plain", "inside", "torch"])
def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path, pth, how):
    bomb, path = Bomb(tmp_path / "executed"), tmp_path / "bad.pth"
    if how == "torch":
        torch.save({"state_dict": state(pth) | {"final.3.bias": bomb}}, path)
    else:
        path.write_bytes(pickle.dumps(bomb if how == "plain" else {"state_dict": {"a": bomb}}))
    with pytest.raises(DataError, match="is not a complete pickle of plain tensors") as raised:
        read_pth(path, AM)
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(bomb)).close()  # it does go off where it is loaded
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a complete pickle of plain tensors"),
        (b"hello world, this is text\n", "is not a complete pickle of plain tensors"),
        ([1, 2], "contains no state dict of tensors"),
        (torch.zeros(2), "contains no state dict of tensors"),
        (torch.zeros(1), "contains no state dict of tensors"),
        ({"state_dict": {"a": 1}}, "contains no state dict of tensors"),
        ({"weight": torch.zeros(2)}, "not in the published layout: unknown tensor 'weight'"),
        (
            {"layers.0.attention.w_q.weight": torch.zeros(64, 64)},
            "not in the published layout: .* is incomplete",
        ),
        (
            {
                f"layers.0.attention.w_{w}.weight": torch.zeros((64,) * n)
                for n, w in enumerate("qkv")
            },
            r"not in the published layout: .*in_proj_weight differ in shape",
        ),
        ({}, "contains no state dict of tensors"),
        ({"state_dict": {}}, "contains no state dict of tensors"),
    ],
)
def test_what_is_no_published_model_is_told(tmp_path, content, words):
    path = tmp_path / "wrong.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match=f"wrong.pth: {words}") as raised:
        read_pth(path, AM)
    assert len(str(raised.value).splitlines()) == 1


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(DataError, match=r"no\.pth: no such file"):
        read_pth(tmp_path / "no.pth", AM)
    with pytest.raises(DataError, match="is a directory, not a file"):
        read_pth(tmp_path, AM)


def test_a_tensor_less_or_of_another_shape_is_told(pth, tmp_path):
    for change in ("missing", "shape", "types", "length"):
        held, kinds, length = state(pth), AM, 101
        if change == "missing":
            del held["final.3.bias"]
        elif change == "shape":
            held["_encoder.conv1.weight"] = torch.zeros(256, 4, 5)
        elif change == "types":
            kinds = modifications(["Am", "Cm"])
        else:
            length = 501  # its decoder has other kernels
        torch.save(held, tmp_path / "changed.pth")
        with pytest.raises(DataError, match="does not fit the published network") as raised:
            read_pth(tmp_path / "changed.pth", kinds, length=length)
        assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x * float("nan"), "the weights are damaged: .*head.logits.bias contains NaN"),
        (lambda x: x / 0, "the weights are damaged: .*head.logits.bias contains NaN or infinite"),
        (lambda x: x.to("meta"), "the weights are damaged: "),
        (lambda x: x.cfloat(), "does not fit .*head.logits.bias has type torch.complex64, not"),
        (lambda x: x.long(), "does not fit .*head.logits.bias has type torch.int64, not"),
    ],
    ids=["NaN", "infinite", "no numbers", "complex", "integers"],
)
def test_numbers_that_no_network_has_are_told(pth, tmp_path, change, words):
    held = state(pth)
    held["final.3.bias"] = change(held["final.3.bias"])
    torch.save(held, tmp_path / "changed.pth")
    with pytest.raises(DataError, match=f"changed.pth: {words}") as raised:
        read_pth(tmp_path / "changed.pth", AM, length=101)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("order", ["ATCC", "ATC", "ATCGN", "", "ATUG"])
def test_an_impossible_order_of_bases_is_told(pth, order):
    with pytest.raises(UsageError, match="not an order of the four bases"):
        read_pth(pth, AM, base_order=order)


@pytest.mark.parametrize("length", [601, 500, 1003])
def test_the_published_network_has_nine_lengths(pth, length):
    with pytest.raises(UsageError, match="length"):
        read_pth(pth, AM, length=length)


def test_only_the_published_network_has_the_published_layout(tmp_path):
    with pytest.raises(UsageError, match="only a model of the 'paper' preset"):
        write_pth(fresh(tiny()), tmp_path / "model.pth")
    assert list(tmp_path.iterdir()) == []
