"""`make compiled`: the parts of the engine that run for each operation, compiled by mypyc, beside their sources."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "harness"))

import compiled  # noqa: E402  # without its package, which would look at what was compiled before

OPTIONS = """
[mypy]
follow_imports = skip
ignore_missing_imports = True
"""
"""What others say of their types is not relied on: `make lint` holds us against it."""
TYPED = [source for source in compiled.SOURCES if source.endswith(".py") and "journal_record" not in source]
SHOWN_LINES = 8


def into(folder: Path) -> str:
    """Compile the sources to files below `folder`; why that could not be done, "" if it was."""
    command = [sys.executable, __file__, "--into", str(folder)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.so"))
    if done.returncode or not made:
        return "\n".join(done.stdout.splitlines()[-SHOWN_LINES:]) or f"nothing came of {' '.join(command)}"
    record = {"made": made, "sources": compiled.digests(ROOT)}
    (folder / compiled.RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return ""


def _build(folder: str) -> None:
    # Who only runs Proofload may have neither.
    from mypyc.build import mypycify
    from setuptools import Distribution, Extension

    with tempfile.TemporaryDirectory() as temporary:
        options = Path(temporary, "mypy.ini")
        options.write_text(OPTIONS)
        words = ["--config-file", str(options), "--cache-dir", temporary, *TYPED]
        extensions = mypycify(words, target_dir=temporary, group_name=compiled.GROUP, opt_level="3", debug_level="0")
        extensions.append(Extension("harness.journal_record", ["harness/journal_record.c"]))
        distribution = Distribution({"name": compiled.GROUP, "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_lib, command.build_temp = folder, temporary
        command.ensure_finalized()
        command.run()


def main(words: list[str]) -> int:
    """Compile in place, or with `--remove` go back to Python; the exit code."""
    if words[:1] == ["--into"]:
        _build(words[1])
        return 0
    try:
        return _in_place(words)
    except OSError as error:
        print(f"error: {error}: expected a checkout that can be written to", file=sys.stderr)
        return 2


def _in_place(words: list[str]) -> int:
    removed = compiled.remove(ROOT)
    if words == ["--remove"]:
        print("removed what was compiled" if removed else "nothing was compiled")
        return 0
    print(f"compiling {len(compiled.SOURCES)} files of the engine: half a minute at most")
    with tempfile.TemporaryDirectory() as folder:
        why = into(Path(folder))
        if why:
            print(
                f"{why}\ncould not compile the engine, which runs as Python: see above; expected a C compiler and the "
                "headers of Python, e.g. apt-get install gcc python3-dev",
                file=sys.stderr,
            )
            return 2
        compiled.install(Path(folder), ROOT)
    print("compiled; `make interpreted` goes back to Python")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
