"""Look for Spark, which one page of the book needs and nothing else does: pyspark, and a Java."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

JAVA_VERSIONS = range(17, 22)  # Spark 4.0 runs on 17 and 21

GET_PYSPARK = "pyspark is not installed (run `make spark`)"
GET_JAVA = "{} (install Java 17, on Debian and Ubuntu `apt-get install openjdk-17-jre-headless`)"


def missing() -> str | None:
    """Say what Spark lacks on this machine, and how to get it.

    Returns
    -------
    str or None
        None if nothing is missing.
    """
    lacks = []
    if importlib.util.find_spec("pyspark") is None:
        lacks.append(GET_PYSPARK)
    version = _java_version()
    if version is None:
        lacks.append(GET_JAVA.format("there is no Java"))
    elif version not in JAVA_VERSIONS:
        lacks.append(GET_JAVA.format(f"Java is {version}, not 17 to 21"))
    if not lacks:
        return None
    return "Spark is an optional part of the book's installation: " + "; ".join(lacks) + "."


def require() -> None:
    """Make sure that Spark can start.

    Raises
    ------
    RuntimeError
        With the message of `missing`.
    """
    reason = missing()
    if reason:
        raise RuntimeError(reason)


def _java_version() -> int | None:
    """Major version of the Java that Spark will use: JAVA_HOME's, or the first on the path."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    if java is None:
        return None
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)(?:\.(\d+))?', told)
    if not found:
        return None
    # Java 8 and older call themselves 1.8.
    return int(found[2] if found[1] == "1" and found[2] else found[1])
