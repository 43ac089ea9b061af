"""The way from a wheel to a data file, with real pip against an index that misbehaves."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from helpers import wheels
from tests.package_index import DATA, WHEEL_NAME, PackageIndex, build_wheel, write_registry

ROOT = Path(__file__).parents[1]
WHEEL = build_wheel()
PREAMBLE = """
import sys
from pathlib import Path
from helpers import wheels
wheels.REGISTRY = Path(sys.argv[1])
"""


@pytest.fixture
def index():
    with PackageIndex(WHEEL) as running:
        yield running


@pytest.fixture
def cache(index, tmp_path, monkeypatch):
    """An empty cache, and pip pointed at the loopback index alone."""
    for name in list(os.environ):
        if name.upper().startswith("PIP_"):
            monkeypatch.delenv(name)
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
        "PIP_RETRIES": "0",
        "PIP_RESUME_RETRIES": "0",
        "PIP_TIMEOUT": "1",
        "no_proxy": "127.0.0.1",
        "EMBEDDINGS_BOOK_DATA": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    write_registry(tmp_path / "registry.toml", WHEEL)
    monkeypatch.setattr(wheels, "REGISTRY", tmp_path / "registry.toml")
    return tmp_path / "cache"


def start(script, tmp_path, prefix=(), **options):
    """Start a Python process that runs a script with the toy registry."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", PREAMBLE + script, str(tmp_path / "registry.toml")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(script, tmp_path, prefix=(), **options):
    """Run such a process to its end; return its code, its output and what it said."""
    with start(script, tmp_path, prefix, **options) as process:
        output, said = process.communicate()
    return process.returncode, output, said


def copy_words(name, folder):
    """Make what is to be kept beside the wheel."""
    text = wheels.member(name, "corpus").read_text(encoding="utf-8")
    (folder / "words.txt").write_text(text, encoding="utf-8")


def assert_one_clear_error(error, cache, *, says, remedy):
    """Check that a message names data set, file, cause and remedy, and nothing broken is left."""
    message = str(error)
    assert "\n" not in message
    assert message.startswith(f"Toy corpus ({WHEEL_NAME}, 0.1 MB): ")
    assert str(cache) in message
    assert re.search(says, message)
    assert remedy in message
    assert error.__cause__ is None
    assert not cache.is_dir() or list(cache.iterdir()) == []


def test_first_use_downloads_and_later_uses_do_not(cache, index, capsys):
    assert wheels.member("toy", "corpus").read_text(encoding="utf-8") == DATA
    said = capsys.readouterr().err
    assert said == f"Fetching Toy corpus: {WHEEL_NAME}, 0.1 MB.\n"
    index.behavior = "empty"
    assert wheels.member("toy", "corpus").read_text(encoding="utf-8") == DATA
    assert index.downloads == 1
    assert capsys.readouterr().err == ""
    assert [path.name for path in cache.iterdir()] == [WHEEL_NAME]
    assert (cache / WHEEL_NAME).stat().st_mode & 0o044 == 0o044  # a class can read it


def test_large_download_shows_its_size(cache, monkeypatch, capsys):
    monkeypatch.setattr(wheels, "PROGRESS_BAR_FROM", 0)
    wheels.fetch("toy")
    assert re.search(r"100%.*113k/113k", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("behavior", "says", "remedy"),
    [
        ("empty", "pip could not download it", "Check the network and the index"),
        ("portal", "pip could not download it", "Check the network and the index"),
        (
            "hanging",
            "pip could not download it .*([Tt]imed out|not enough bytes)",
            "Check the network",
        ),
        ("truncating", "pip could not download it|its sha256 differs", "run `python -m helpers"),
        ("wrong", "its sha256 differs", "Let pip use another index"),
    ],
)
def test_misbehaving_index(cache, index, behavior, says, remedy):
    index.behavior = behavior
    with pytest.raises(wheels.DataError) as caught:
        wheels.fetch("toy")
    assert_one_clear_error(caught.value, cache, says=says, remedy=remedy)
    index.behavior = "good"  # what failed is not remembered
    assert wheels.fetch("toy") == cache / WHEEL_NAME


def test_no_index_at_all(cache, index, monkeypatch):
    with PackageIndex(WHEEL) as gone:
        monkeypatch.setenv("PIP_INDEX_URL", gone.url)
    with pytest.raises(wheels.DataError) as caught:
        wheels.fetch("toy")
    assert_one_clear_error(caught.value, cache, says="could not download", remedy="the network")


def test_python_without_pip(cache, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    binaries = tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin")
    monkeypatch.setattr(sys, "executable", str(next(binaries.glob("python*"))))
    with pytest.raises(wheels.DataError) as caught:
        wheels.fetch("toy")
    assert_one_clear_error(caught.value, cache, says="has no pip", remedy="-m ensurepip")


BROKEN = {
    "truncated": WHEEL[: len(WHEEL) // 2],
    "empty": b"",
    "foreign": b"x" * len(WHEEL),
    "one bit": WHEEL[:-1] + bytes([WHEEL[-1] ^ 1]),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_broken_file_in_the_cache_is_replaced(cache, content):
    cache.mkdir()
    (cache / WHEEL_NAME).write_bytes(content)
    assert wheels.member("toy", "corpus").read_text(encoding="utf-8") == DATA
    assert (cache / WHEEL_NAME).read_bytes() == WHEEL


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_broken_file_in_the_cache_is_never_trusted(cache, index, content):
    index.behavior = "empty"
    cache.mkdir()
    (cache / WHEEL_NAME).write_bytes(content)
    with pytest.raises(wheels.DataError, match=r"bytes instead of|other contents") as caught:
        wheels.member("toy", "corpus")
    (cache / WHEEL_NAME).unlink()
    assert_one_clear_error(caught.value, cache, says=WHEEL_NAME, remedy="copy the file from")


def test_file_broken_while_the_process_runs(cache):
    wheels.fetch("toy")
    assert wheels.fetch("toy") == cache / WHEEL_NAME
    (cache / WHEEL_NAME).write_bytes(BROKEN["foreign"])
    assert wheels.member("toy", "corpus").read_text(encoding="utf-8") == DATA


def test_folder_in_the_place_of_the_file(cache):
    (cache / WHEEL_NAME / "occupied").mkdir(parents=True)
    with pytest.raises(wheels.DataError, match=f"{WHEEL_NAME}.* cannot be written"):
        wheels.fetch("toy")
    assert [path.name for path in cache.iterdir()] == [WHEEL_NAME]


def test_unwritable_cache(cache, monkeypatch):
    cache.write_text("a file where the folder should be")
    with pytest.raises(wheels.DataError) as caught:
        wheels.fetch("toy")
    assert_one_clear_error(
        caught.value, cache, says="cannot be written", remedy="set EMBEDDINGS_BOOK_DATA"
    )


def test_missing_member(cache):
    with pytest.raises(wheels.DataError, match=r"holds no toy_corpus/data/absent.txt.*registry"):
        wheels.member("toy", "absent")
    with pytest.raises(ValueError, match="no 'other'; there are corpus, absent"):
        wheels.member("toy", "other")


def test_derived_files_are_made_once_and_again_when_truncated(cache):
    folder = wheels.derived("toy", copy_words, 1)
    assert (folder / "words.txt").read_text(encoding="utf-8") == DATA
    assert folder.stat().st_mode & 0o055 == 0o055  # a class can read it
    (cache / WHEEL_NAME).unlink()
    assert wheels.derived("toy", None, 1) == folder  # neither made nor fetched again
    (folder / "words.txt").write_text("cat")
    assert wheels.derived("toy", copy_words, 1) == folder
    assert (folder / "words.txt").read_text(encoding="utf-8") == DATA
    (folder / "sizes.json").write_text("[]")
    wheels.derived("toy", copy_words, 1)
    assert sorted(path.name for path in cache.iterdir()) == sorted([WHEEL_NAME, folder.name])


def test_files_of_an_older_version_are_neither_used_nor_touched(cache):
    def write(text):
        return lambda name, folder: (folder / "words.txt").write_text(text)

    old = wheels.derived("toy", write("old"), 1)
    unversioned = old.rename(cache / old.name.removesuffix("-v1"))  # how folders were once named
    first = wheels.derived("toy", write("first"), 1)
    second = wheels.derived("toy", write("second"), 2)
    assert wheels.derived("toy", None, 1) == first  # neither is made again
    assert wheels.derived("toy", None, 2) == second
    for folder, text in [(unversioned, "old"), (first, "first"), (second, "second")]:
        assert (folder / "words.txt").read_text() == text
    assert set(cache.iterdir()) == {cache / WHEEL_NAME, unversioned, first, second}


def test_failure_while_deriving_leaves_nothing(cache):
    def fail(name, folder):
        (folder / "words.txt").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wheels.derived("toy", fail, 1)
    assert [path.name for path in cache.iterdir()] == [WHEEL_NAME]


def test_many_processes_start_at_once(cache, tmp_path):
    script = """
def copy_words(name, folder):
    (folder / "words.txt").write_bytes(wheels.member(name, "corpus").read_bytes())
sys.stdin.read()
folder = wheels.derived("toy", copy_words, 1)
print(folder, len((folder / "words.txt").read_text()))
"""
    processes = [start(script, tmp_path, stdin=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        process.stdin.close()
        process.stdin = None
    answers = [process.communicate() for process in processes]
    [folder] = cache.glob("toy-*")
    assert {output for output, _ in answers} == {f"{folder} {len(DATA)}\n"}, answers
    assert (cache / WHEEL_NAME).read_bytes() == WHEEL
    assert set(cache.iterdir()) == {cache / WHEEL_NAME, folder}


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send an interrupt to one process")
def test_interrupt_stops_pip_and_leaves_nothing(cache, index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_TIMEOUT", "600")
    index.behavior = "hanging"
    # What a shell starts in the background ignores this signal, and so would its children.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with start(f"{listen}\nwheels.fetch('toy')", tmp_path) as process:
        assert index.hanging.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert index.given_up.wait(60)
    assert list(cache.iterdir()) == []


USE_SHARED_FOLDER = """
def copy_words(name, folder):
    (folder / "words.txt").write_bytes(wheels.member(name, "corpus").read_bytes())
folder = wheels.derived("toy", copy_words, 1)
print(len((folder / "words.txt").read_text()), folder)
"""


@pytest.fixture
def obey_permissions():
    """A command prefix under which even root is held to a folder's permissions."""
    if os.name == "nt":
        pytest.skip("Windows has no read-only folders")
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root ignores permissions, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override"]


def test_read_only_shared_folder(cache, index, tmp_path, obey_permissions):
    cache.mkdir()
    (cache / WHEEL_NAME).write_bytes(WHEEL)
    cache.chmod(0o555)
    code, output, said = run(USE_SHARED_FOLDER, tmp_path, obey_permissions)
    assert (code, said) == (0, "")
    length, folder = output.split()
    assert int(length) == len(DATA)
    assert not Path(folder).exists()  # temporary, and removed when the process ended
    assert index.downloads == 0
    (cache / WHEEL_NAME).unlink()
    code, _, said = run(USE_SHARED_FOLDER, tmp_path, obey_permissions)
    assert code == 1
    assert re.search(r"DataError: Toy corpus .*cannot be written \(Permission denied\)", said)
    assert "filled by its owner" in said
    cache.chmod(0o755)


@pytest.fixture
def small_disk(cache):
    """A command prefix that puts a small file system under the cache, for that command alone."""
    cache.mkdir()
    mount = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"'
    own = [] if os.name != "nt" and os.geteuid() == 0 else ["--map-root-user"]

    def prefix(size):
        return ["unshare", "--mount", *own, "sh", "-c", mount, size, str(cache)]

    try:
        subprocess.run([*prefix("1m"), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    return prefix


def test_full_disk(cache, small_disk, tmp_path):
    script = "import os\ntry:\n    wheels.fetch('toy')\nexcept wheels.DataError as error:\n"
    script += f"    print(error, os.listdir({str(cache)!r}))"
    for size in ("4k", "64k", "160k"):  # no room for a folder, for the file, for pip's two copies
        code, output, said = run(script, tmp_path, small_disk(size))
        assert code == 0, said
        assert re.match(rf"Toy corpus \({WHEEL_NAME}, 0.1 MB\): .*{re.escape(str(cache))}", output)
        assert os.strerror(errno.ENOSPC) in output
        assert re.search(r"Free .*EMBEDDINGS_BOOK_DATA", output)
        assert output.endswith(" []\n")


def test_disk_too_full_for_derived_files(cache, small_disk, tmp_path):
    (tmp_path / WHEEL_NAME).write_bytes(WHEEL)
    script = f"""
import shutil
shutil.copy({str(tmp_path / WHEEL_NAME)!r}, {str(cache)!r})
def fill(name, folder):
    (folder / "words.txt").write_bytes(bytes(100_000))
print((wheels.derived("toy", fill, 1) / "words.txt").stat().st_size)
"""
    code, output, said = run(script, tmp_path, small_disk("160k"))
    assert (code, output) == (0, "100000\n"), said
