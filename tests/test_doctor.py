import hashlib
from importlib import metadata

import pytest

import vqrna
from vqrna import doctor
from vqrna.doctor import Check, Report, check_installation
from vqrna.errors import UsageError, missing_extra
from vqrna.runtime import devices
from vqrna.runtime.devices import choose_device


@pytest.fixture
def models(tmp_path):
    """A folder with weights and their checksum, as shipped."""
    content = b"weights"
    (tmp_path / "a.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a.safetensors\n\n")
    return tmp_path


def found(report: Report, group: str) -> dict[str, Check]:
    return {check.name: check for check in report.checks if check.group == group}


def test_a_whole_installation_is_healthy(models):
    report = check_installation(models)
    assert found(report, "system")["vqrna"].value == vqrna.__version__
    assert found(report, "needed packages")["torch"].value == metadata.version("torch")
    assert found(report, "weights")["a.safetensors"].value.startswith("ok")
    assert found(report, "device")["--device auto"].value.startswith(choose_device().name)
    assert [check for check in report.checks if check.state == "broken"] == []
    assert report.healthy


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda folder: (folder / "a.safetensors").write_bytes(b"weightz"), "damaged"),
        (lambda folder: (folder / "a.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "missing"),
    ],
)
def test_weights_that_are_not_whole_are_broken(models, break_it, words):
    break_it(models)
    report = check_installation(models)
    (check,) = found(report, "weights").values()
    assert check.state == "broken"
    assert words in check.value
    assert not report.healthy


def test_a_missing_package_is_told_with_its_cure(models, monkeypatch):
    wanted = ["no-such-package>=1", 'no-such-extra>=2; extra == "web"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wanted)
    report = check_installation(models)
    needed = found(report, "needed packages")["no-such-package"]
    extra = found(report, "extra: web")["no-such-extra"]
    assert (needed.value, needed.state) == ("missing: pip install no-such-package", "broken")
    assert (extra.value, extra.state) == (f"missing: {missing_extra('web')}", "absent")


def test_the_command_shows_all_and_exits_by_health(vqrna_main, models, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(doctor, "MODELS", models)
    monkeypatch.setattr(doctor.check_installation, "__defaults__", (models,))
    done = vqrna_main("doctor")
    assert done.code == 0
    for part in ("torch", "--device auto", "a.safetensors", "All required parts work."):
        assert part in done.out
    (models / "a.safetensors").write_bytes(b"")
    done = vqrna_main("doctor")
    assert done.code == 1
    assert "Broken: a.safetensors" in done.out


def test_the_processor_is_always_there():
    assert str(choose_device("cpu")) == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", "cuda:99", ""])
def test_impossible_devices_are_refused(name):
    with pytest.raises(UsageError, match="device"):
        choose_device(name)


def test_a_missing_gpu_is_told_with_its_reason(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(UsageError, match="has no CUDA build"):
        choose_device("cuda")
    device = choose_device("auto")
    assert device.name == "cpu"
    assert "has no CUDA build" in device.reason


def test_a_build_without_driver_says_so(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "nvidia_driver", lambda: None)
    with pytest.raises(UsageError, match=r"built for CUDA 13\.0.* no NVIDIA driver found"):
        choose_device("cuda")


def test_a_gpu_is_taken_and_named(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Card {number}")
    monkeypatch.setattr(devices, "nvidia_driver", lambda: "580.65")
    device = choose_device("auto")
    assert device.name == "cuda"
    assert device.reason == "Card 0, torch built for CUDA 13.0, driver 580.65"
    assert choose_device("cuda:1").reason.startswith("Card 1")
    with pytest.raises(UsageError, match="2 GPUs"):
        choose_device("cuda:2")


@pytest.mark.parametrize(("clone", "groups"), [(True, ["web", "docs", "dev"]), (False, ["web"])])
def test_packages_of_developers_are_listed_in_a_clone_only(models, monkeypatch, clone, groups):
    wanted = [
        'no-such-web>=1; extra == "web"',
        'no-such-docs>=1; extra == "docs"',
        'vqrna[docs]; extra == "dev"',
        'no-such-dev>=1; extra == "dev"',
    ]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(doctor, "_in_clone", lambda: clone)
    checks = check_installation(models).checks
    names = {check.group: check.name for check in checks if check.group.startswith("extra: ")}
    assert names == {f"extra: {name}": f"no-such-{name}" for name in groups}
    assert [check.group for check in checks if check.name == "vqrna"] == ["system"]
