"""Spark is optional: what is missing is said in one message, and only its page is skipped."""

import os

import pytest

from helpers import spark

needs_scripts = pytest.mark.skipif(os.name == "nt", reason="plants a shell script as Java")


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Plant a Java that tells a version; none before it is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(folder))

    def plant(version):
        program = folder / "java"
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
        program.chmod(0o755)
        return tmp_path

    return plant


@pytest.fixture
def pyspark(monkeypatch):
    """Say that pyspark is installed."""
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: name)


@needs_scripts
@pytest.mark.parametrize("version", ["17.0.15", "21.0.2", "21"])
def test_nothing_is_missing_with_a_java_that_spark_runs_on(java, pyspark, version):
    java(version)
    assert spark.missing() is None
    spark.require()


@needs_scripts
@pytest.mark.parametrize(
    ("version", "told"), [("1.8.0_402", "8"), ("11.0.2", "11"), ("25-ea", "25")]
)
def test_a_java_that_spark_does_not_run_on_is_named(java, pyspark, version, told):
    java(version)
    with pytest.raises(RuntimeError, match=rf"Java is {told}, not 17 to 21 \(install Java 17"):
        spark.require()


@needs_scripts
def test_java_home_goes_before_the_path(java, pyspark, monkeypatch, tmp_path):
    java("17.0.15")
    assert spark.missing() is None
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "elsewhere"))
    assert "there is no Java" in spark.missing()


def test_one_message_says_all_that_is_missing(java, monkeypatch):
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: None)
    message = spark.missing()
    assert message.count("Spark is an optional part") == 1
    assert "make spark" in message
    assert "there is no Java" in message
