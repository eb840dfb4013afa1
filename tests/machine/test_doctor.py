"""Each check says how it stands with a box, whatever box that is; and what is asked of this one is true of it."""

from __future__ import annotations

import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from tui.machine import gpu, probes
from tui.machine.box import Disk, Driver, Facts, Gpu, Home, Hub, Kernels, Memory, Packages, Python, Terminal, Torch, Unknown
from tui.machine.doctor import Finding, can_train, examine, hindrances, usable_gpus
from tui.machine.hub_access import ask_hub, hub_cache, is_offline
from tui.machine.probes import answers, ask_torch, look_at_home, probe
from tui.machine.readings import GpuReading

GIB = 2**30
VERSIONS = {name.replace("-", "_"): "1.0" for name in probes.PACKAGES}
H200 = Gpu(GpuReading(0, "NVIDIA H200", 0, 140 * GIB), "GPU-aa", (9, 0))
DRIVER = Driver("580.82", (13, 0), card=True, gpus=(H200,))
KERNELS = Kernels("13.0", ("cpu", "cuda126", "cuda130"), "/usr/bin/gcc", Path("/include"), True)
TERMINAL = Terminal("xterm-256color", 2**24, (120, 36), "", "UTF-8")
HOME = Home(Path("/h"), 0o700, file_system="ext4")
ROOM = Disk(Path("/h/runs"), 500 * GIB)
GOOD = Facts(
    python=Python((3, 11, 7), "/venv", "Linux x86_64"),
    packages=Packages(VERSIONS, VERSIONS),
    driver=DRIVER,
    kernels=KERNELS,
    runs_disk=ROOM,
    hub_disk=ROOM,
    temporary_disk=ROOM,
    memory=Memory(128 * GIB, 120 * GIB, 16),
    hub=Hub("https://huggingface.co", status=200),
    token="HF_TOKEN",
    llama_cpp=Path("/llama"),
    terminal=TERMINAL,
    home=HOME,
    torch=Torch(True, "13.0", ("sm_80", "sm_90")),
)
SECOND = replace(H200, now=replace(H200.now, index=1))
T4 = Gpu(GpuReading(0, "Tesla T4", 0, 15 * GIB), "GPU-t4", (7, 5))
NO_GPU = replace(GOOD, driver=Driver(problem="NVML Shared Library Not Found"), torch=None)


def box(**changed: Any) -> Facts:
    """A good box, but for what is changed, of which torch itself was not asked."""
    return replace(GOOD, torch=None, **changed)


def found(facts: Facts, name: str) -> Finding:
    (finding,) = [finding for finding in examine(facts=facts) if finding.name == name]
    return finding


def test_on_a_good_box_every_check_is_ok_and_there_is_nothing_to_do() -> None:
    findings = examine(facts=GOOD)
    assert {(finding.state, finding.advice) for finding in findings} == {("ok", "")}
    assert len({finding.name for finding in findings}) == len(findings)
    assert hindrances(findings) == []


@pytest.mark.parametrize("facts", [GOOD, NO_GPU, box(driver=replace(DRIVER, cuda=(12, 4)))])
def test_whatever_is_not_ok_comes_with_what_to_do(facts: Facts) -> None:
    for finding in examine(facts=facts):
        assert (finding.state == "ok") == (not finding.advice), finding
        assert f"{finding.found}{finding.advice}".isascii()


OTHERS = [
    ("python", {"python": Python((3, 14, 0), "/v", "Linux x86_64")}, "limited", "tested with Python 3.11 and 3.12"),
    ("torch", {"packages": Packages(VERSIONS | {"torch": "2.11.0+cu130"}, VERSIONS)}, "limited", "1.5 times as long"),
    (
        "torch",
        {"packages": Packages(VERSIONS | {"torch": "2.13.0"}, VERSIONS)},
        "limited",
        "tested with 1.0: install torch==1.0",
    ),
    ("torch", {"packages": Packages(VERSIONS | {"torch": "1.0+cu130"}, VERSIONS)}, "ok", ""),
    ("torch", {"packages": Packages({"torch": "2.11.0"}, {})}, "ok", ""),
    ("unsloth", {"packages": Packages({}, VERSIONS)}, "missing", "install unsloth==1.0"),
    ("triton", {"packages": Packages({}, {})}, "missing", "install triton beside"),
    ("flash-attn", {"packages": Packages({}, VERSIONS)}, "ok", ""),
    ("driver", {"driver": Driver(problem="NVML Shared Library Not Found")}, "missing", "small models train without"),
    ("driver", {"driver": Driver(problem="NVML Shared Library Not Found", card=True)}, "missing", "install the NVIDIA"),
    ("driver", {"driver": Driver(problem="Driver/library version mismatch", card=True)}, "missing", "restart"),
    ("GPU 0", {"driver": replace(DRIVER, gpus=(T4,))}, "limited", "float16"),
    ("GPU 0", {"driver": replace(DRIVER, gpus=(replace(T4, capability=(6, 1)),))}, "missing", "another GPU"),
    ("GPU 0", {"driver": replace(DRIVER, cuda=(12, 4))}, "missing", "580 or newer"),
    ("GPU 0", {"driver": replace(DRIVER, gpus=(replace(H200, users=("python 7 of eva",)),))}, "limited", "wait"),
    ("GPU 0", {"driver": replace(DRIVER, gpus=(Gpu(GpuReading(0, "lost")),))}, "missing", "restart"),
    ("GPU 0", {"driver": replace(DRIVER, gpus=(Gpu(GpuReading(0, "odd")),))}, "ok", ""),
    ("GPU 0", {"driver": replace(DRIVER, visible="")}, "missing", "unset"),
    ("GPU 0", {"driver": replace(DRIVER, visible="1,0")}, "missing", "unset"),
    ("GPU 0", {"driver": replace(DRIVER, visible="0,1")}, "ok", ""),
    ("GPU 0", {"driver": replace(DRIVER, visible="GPU-a")}, "ok", ""),
    ("torch and CUDA", {"driver": replace(DRIVER, cuda=(12, 4))}, "missing", "580 or newer"),
    ("torch and CUDA", {"kernels": replace(KERNELS, torch_cuda="13.2")}, "limited", "newer driver"),
    ("torch and CUDA", {"kernels": replace(KERNELS, torch_cuda="")}, "limited", "has CUDA"),
    ("torch and CUDA", {"driver": Unknown("it hangs")}, "ok", ""),
    ("4-bit", {"kernels": replace(KERNELS, libraries=())}, "missing", "16-bit"),
    ("4-bit", {"kernels": replace(KERNELS, libraries=("cpu", "cuda126"))}, "missing", "fits torch"),
    ("4-bit", {"kernels": replace(KERNELS, torch_cuda="12.9")}, "ok", ""),
    ("4-bit", {"driver": Driver(problem="none")}, "limited", "small models"),
    ("4-bit", {"driver": Driver(problem="none"), "kernels": replace(KERNELS, libraries=("cuda130",))}, "missing", "a GPU"),
    ("triton kernels", {"kernels": replace(KERNELS, compiler="")}, "missing", "install gcc"),
    ("triton kernels", {"kernels": replace(KERNELS, has_headers=False)}, "missing", "python3-dev"),
    ("disk: runs", {"runs_disk": Disk(Path("/h"), 19 * GIB)}, "limited", "free some space"),
    ("disk: hub cache", {"hub_disk": Disk(Path("/h"), GIB)}, "missing", "free some space"),
    ("disk: temporary", {"temporary_disk": Unknown("OSError: stale")}, "unknown", ""),
    ("memory", {"memory": Memory(16 * GIB, 6 * GIB, 2)}, "limited", "small models"),
    ("memory", {"memory": Memory(16 * GIB, GIB, 2)}, "missing", "end other programs"),
    ("cores", {"memory": Memory(16 * GIB, 9 * GIB, 1)}, "limited", "one core"),
    ("hub", {"hub": Hub("https://h", offline=True)}, "limited", "unset"),
    ("hub", {"hub": Hub("https://h", problem="Connection refused")}, "limited", "check the network"),
    ("hub", {"hub": Hub("https://h", status=503)}, "limited", "try again"),
    ("hub", {"hub": Hub("https://h", status=404)}, "limited", "HF_ENDPOINT"),
    ("hub", {"hub": Hub("https://h", status=307)}, "ok", ""),
    ("hub token", {"token": ""}, "limited", "HF_TOKEN"),
    ("llama.cpp", {"llama_cpp": None}, "missing", "UNSLOTH_LLAMA_CPP_PATH"),
    ("terminal", {"terminal": replace(TERMINAL, size=None)}, "limited", "the window does not"),
    ("terminal", {"terminal": replace(TERMINAL, size=(79, 24))}, "limited", "80x24"),
    ("terminal", {"terminal": replace(TERMINAL, colours=0)}, "limited", "set TERM"),
    ("terminal", {"terminal": Terminal("screen", 16, (80, 24), "tmux", "UTF-8")}, "limited", "tmux.conf"),
    ("terminal", {"terminal": replace(TERMINAL, encoding="ISO-8859-1")}, "limited", "LANG=C.UTF-8"),
    ("home", {"home": replace(HOME, mode=None)}, "ok", ""),
    ("home", {"home": replace(HOME, mode=0o755)}, "limited", "chmod 700 /h"),
    ("home", {"home": replace(HOME, refused="Read-only file system")}, "missing", "UNSLOTH_TUI_HOME"),
    ("file locks", {"home": replace(HOME, refused="Read-only file system")}, "unknown", ""),
    ("file locks", {"home": replace(HOME, lock_problem="No locks available")}, "missing", "UNSLOTH_TUI_HOME"),
    ("file locks", {"home": replace(HOME, file_system="nfs4")}, "limited", "heartbeat"),
    ("file locks", {"home": replace(HOME, file_system="fuse.sshfs")}, "limited", "heartbeat"),
]


@pytest.mark.parametrize(("name", "changed", "state", "advice"), OTHERS)
def test_a_box_that_differs_is_judged_by_the_difference(name: str, changed: Any, state: str, advice: str) -> None:
    finding = found(box(**changed), name)
    assert finding.state == state and advice in finding.advice and finding.found
    assert bool(advice) == bool(finding.advice)


@pytest.mark.parametrize(
    ("torch", "state", "usable"),
    [
        (Torch(True, "13.0", ("sm_80", "sm_86")), "missing", 0),
        (Torch(True, "13.0", ("sm_90a",)), "ok", 1),
        (Torch(True, "13.0", ("sm_75", "compute_80")), "ok", 1),
        (Torch(False, "13.0", ("sm_90",)), "missing", 0),
        (Unknown("torch was not imported within 60 s"), "ok", 1),
    ],
)
def test_what_torch_itself_says_of_a_gpu_is_told_with_it(torch: Torch | Unknown, state: str, usable: int) -> None:
    facts = replace(GOOD, torch=torch)
    assert (found(facts, "GPU 0").state, len(usable_gpus(facts))) == (state, usable)


def test_a_torch_that_cannot_be_imported_stands_in_the_way() -> None:
    facts = replace(GOOD, torch=Torch(failure="ImportError: libcudart.so.13"))
    assert "libcudart.so.13" in found(facts, "torch itself").found
    assert can_train(facts) == "Nothing can be trained before this is put right: torch itself"


def test_the_users_and_the_memory_of_a_gpu_are_told() -> None:
    busy = replace(H200, now=replace(H200.now, memory_used_bytes=40 * GIB), users=("python 7 of eva", "process 9"))
    told = found(box(driver=replace(DRIVER, gpus=(busy,))), "GPU 0").found
    assert told == (
        "NVIDIA H200, 100 GiB of 140 GiB free, compute capability 9.0, bfloat16 yes, used by python 7 of eva, process 9"
    )
    assert can_train(box(driver=replace(DRIVER, gpus=(busy,)))).endswith("; of its memory 100 GiB are free now")


def test_a_question_without_an_answer_says_why_and_leaves_the_others() -> None:
    facts = replace(GOOD, **{name: Unknown("it hangs") for name in Facts.__dataclass_fields__})
    assert {(finding.state, finding.found) for finding in examine(facts=facts)} == {("unknown", "it hangs")}
    assert hindrances(examine(facts=facts)) == []
    assert can_train(facts).startswith("No GPU: ")


H200_CAN = "LoRA in 4-bit up to about 200B parameters, in 16-bit up to about 60B, full fine-tuning up to about 15B"
ON_CPU = "small models (up to about 1B) on the processor, 16-bit or 4-bit, slowly"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (GOOD, f"One NVIDIA H200 with 140 GiB: {H200_CAN}"),
        (
            box(driver=replace(DRIVER, gpus=(T4, SECOND, H200))),
            f"Each of 2 NVIDIA H200, with 140 GiB: {H200_CAN}",
        ),
        (
            box(driver=replace(DRIVER, gpus=(T4, SECOND), visible="0")),
            "One Tesla T4 with 15 GiB: LoRA in 4-bit up to about 20B parameters, in 16-bit up to about 6B, "
            "full fine-tuning up to about 1.5B",
        ),
        (NO_GPU, f"No GPU: {ON_CPU}"),
        (box(driver=replace(DRIVER, cuda=(12, 4))), f"No usable GPU: {ON_CPU}"),
        (replace(NO_GPU, memory=Memory(4 * GIB, 3 * GIB, 2)), f"No GPU: {ON_CPU.replace('1B', '800M')}"),
        (
            box(packages=Packages({}, {}), home=replace(HOME, refused="x"), runs_disk=Disk(Path("/h"), 0)),
            "Nothing can be trained before this is put right: "
            "torch, unsloth, unsloth_zoo, transformers, trl, peft, datasets, disk: runs, home",
        ),
    ],
)
def test_one_sentence_says_what_the_box_can_train(facts: Facts, told: str) -> None:
    assert can_train(facts) == told


# this box


def test_every_question_has_an_answer_here() -> None:
    facts = probe()
    assert [name for name in vars(facts) if isinstance(getattr(facts, name), Unknown)] == []
    assert isinstance(facts.packages, Packages) and facts.packages.pinned["torch"]
    assert isinstance(facts.python, Python) and facts.python.version == sys.version_info[:3]
    assert isinstance(facts.hub, Hub) and facts.hub.offline
    assert isinstance(facts.memory, Memory) and 0 < facts.memory.available_bytes <= facts.memory.total_bytes
    assert facts.torch is None


def test_a_question_that_fails_or_hangs_holds_up_nobody() -> None:
    def fail() -> None:
        raise OSError("stale file handle")

    hang = threading.Event()
    began = time.monotonic()
    told = answers({"fails": fail, "hangs": hang.wait, "works": lambda: 3}, within_s=0.2)
    hang.set()
    assert told == {"fails": Unknown("OSError: stale file handle"), "hangs": Unknown("no answer within 0.2 s"), "works": 3}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('noise'); print('[true, \"13.0\", [\"sm_90\"]]')", Torch(True, "13.0", ("sm_90",))),
        ("raise ImportError('libcudart.so.13')", Torch(failure="ImportError: libcudart.so.13")),
        ("print('nothing of use')", Unknown("JSONDecodeError: Expecting value: line 1 column 1 (char 0)")),
        ("import time; time.sleep(60)", Unknown("torch was not imported within 0.5 s")),
    ],
)
def test_torch_is_asked_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, program: str, said: object) -> None:
    monkeypatch.setattr(probes, "ASK_TORCH", program)
    assert ask_torch(within_s=0.5 if "sleep" in program else 30) == said


def test_control_groups_limit_the_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        file = "memory/{}/memory.limit_in_bytes" if controllers else "{}/memory.max"
        (tmp_path / file.format(path.lstrip("/"))).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.format(path.lstrip("/"))).write_text(f"{GIB}\n")
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(probes, "CGROUPS", tmp_path)
    facts = probe()
    assert isinstance(facts.memory, Memory) and facts.memory.total_bytes == facts.memory.available_bytes == GIB


def test_a_card_is_seen_without_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probes, "PCI", tmp_path)
    monkeypatch.setattr(probes, "missing_reason", lambda: "Driver/library version mismatch")
    for number, (vendor, kind) in enumerate([("0x1002", "0x030000"), ("0x10de", "0x040300")]):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "vendor").write_text(f"{vendor}\n")
        (tmp_path / f"{number}" / "class").write_text(f"{kind}\n")
    before = probe().driver
    (tmp_path / "0" / "vendor").write_text("0x10de\n")
    after = probe().driver
    assert isinstance(before, Driver) and isinstance(after, Driver)
    assert after.card and before.card == (Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists())


@pytest.mark.parametrize("failing", ["", "nvmlDeviceGetUUID", "nvmlDeviceGetComputeRunningProcesses"])
def test_what_the_driver_tells_of_a_gpu_is_read(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    told: dict[str, Any] = {
        "nvmlSystemGetCudaDriverVersion": 13020,
        "nvmlDeviceGetHandleByIndex": "handle",
        "nvmlDeviceGetCudaComputeCapability": [9, 0],
        "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=os.getpid()), SimpleNamespace(pid=2**30)],
        "nvmlDeviceGetUUID": "GPU-aa",
    }
    for name, answer in told.items():

        def reply(*_: Any, name: str = name, answer: Any = answer) -> Any:
            if name == failing:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return answer

        monkeypatch.setattr(pynvml, name, reply)
    for name, value in {"missing_reason": "", "driver_version": "580", "read_gpus": (H200.now,)}.items():
        monkeypatch.setattr(probes, name, lambda value=value: value)
    driver = probe().driver
    assert isinstance(driver, Driver) and (driver.cuda, driver.version) == ((13, 2), "580")
    (seen,) = driver.gpus
    assert (seen.now, seen.capability) == (H200.now, (9, 0))
    assert seen.uuid == ("" if failing == "nvmlDeviceGetUUID" else "GPU-aa")
    users = [] if failing.endswith("Processes") else [str(os.getpid()), str(2**30)]
    assert [next(word for word in user.split() if word.isdecimal()) for user in seen.users] == users


def test_a_broken_driver_is_a_finding_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)

    gpu._start.cache_clear()
    monkeypatch.setattr(pynvml, "nvmlInit", broken)
    driver = probe().driver
    gpu._start.cache_clear()
    assert isinstance(driver, Driver) and "mismatch" in driver.problem.lower()


def test_the_home_is_written_to_and_left_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    told = look_at_home(home)
    assert (told.mode, told.refused, told.lock_problem, told.path) == (None, "", "", home)
    home.mkdir(mode=0o750, parents=True)
    assert look_at_home(home).mode == 0o750
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", home]
    (home / "file").write_text("")
    assert look_at_home(home / "file").refused == "Not a directory"


def test_locks_that_do_not_hold_are_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probes.fcntl, "flock", lambda *_: None)
    assert look_at_home(tmp_path).lock_problem == "two may hold the same lock"

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(probes.fcntl, "flock", refuse)
    assert look_at_home(tmp_path).lock_problem == "No locks available"


@pytest.mark.parametrize(
    ("variables", "colours", "inside"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, 2**24, ""),
        ({"TERM": "xterm-kitty"}, 256, ""),
        ({"TERM": "screen", "TMUX": "/tmp/tmux-0/default,1,0"}, 16, "tmux"),
        ({"TERM": "screen-256color", "STY": "1.pts-0"}, 256, "screen"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, 0, ""),
    ],
)
def test_the_variables_describe_the_terminal(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colours: int, inside: str
) -> None:
    for name in ("TERM", "COLORTERM", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = probe().terminal
    assert isinstance(terminal, Terminal) and (terminal.colours, terminal.inside) == (colours, inside)


def test_the_token_is_found_and_never_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert probe().token == ""
    (tmp_path / "token").write_text("hf_secret\n")
    assert probe().token == str(tmp_path / "token")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    facts = probe()
    assert facts.token == "HF_TOKEN"
    assert "hf_secret" not in repr(facts)


def test_the_cache_of_the_hub_is_where_its_variables_have_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"
    for name, place in {"XDG_CACHE_HOME": "huggingface/hub", "HF_HOME": "hub", "HF_HUB_CACHE": ""}.items():
        monkeypatch.setenv(name, str(tmp_path / name))
        assert hub_cache() == tmp_path / name / place


# the hub

Serve = Callable[[int], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Starts a server that answers every HEAD with this status, and makes it the hub."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(status: int, asked: list[str] | None = None) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                (asked if asked is not None else []).append(str(self.headers))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("word", "off"), [("1", True), ("yes", True), ("0", False), ("false", False), ("", False)])
def test_the_hub_is_switched_off_by_the_words_that_huggingface_hub_takes(
    monkeypatch: pytest.MonkeyPatch, word: str, off: bool
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert is_offline() == off


@pytest.mark.parametrize("status", [200, 307, 404, 503])
def test_a_hub_that_answers_is_reached(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    asked: list[str] = []
    address = serve(status, asked)
    monkeypatch.setenv("HF_ENDPOINT", f"http://eva:password@{address}/")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert ask_hub(within_s=5) == Hub(f"http://{address}", status=status)
    assert len(asked) == 1 and "hf_secret" not in asked[0] and "password" not in asked[0]


def test_a_hub_that_refuses_hangs_or_talks_nonsense_is_not_reached(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert ask_hub(within_s=5) == Hub(address, problem="Connection refused")
        deaf.listen()
        assert ask_hub(within_s=0.2) == Hub(address, problem="no answer within 0.2 s")
        monkeypatch.setenv("HF_ENDPOINT", address.replace("http", "https"))
        assert ask_hub(within_s=0.2).problem


@pytest.mark.parametrize("endpoint", ["file:///etc/passwd", "huggingface.co", "http://[", "http://a b"])
def test_an_endpoint_that_is_none_is_a_finding(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    hub = probe().hub
    assert isinstance(hub, Unknown) or hub.problem


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_hub_that_is_switched_off_is_not_asked(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[str] = []
    address = serve(200, asked)
    monkeypatch.setenv("HF_ENDPOINT", f"http://{address}")
    monkeypatch.setenv(name, "yes")
    assert ask_hub() == Hub(f"http://{address}", offline=True)
    assert asked == []


def test_facts_are_plain_enough_to_be_printed() -> None:
    assert json.dumps([vars(finding) for finding in examine(facts=GOOD)])
