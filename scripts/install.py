"""`python scripts/install.py`: .venv with the hash-locked requirements, and how far that is. What `make` runs first.

Any Python must be able to read this file, to say that it is too old.
"""

import os
import re
import shutil
import subprocess
import sys

LEAST = (3, 11)
VENV = ".venv"
REQUIREMENTS = "requirements.txt"
SHOWN_EVERY = 20
"""Where it is no terminal: so many packages in between."""


def wrong(version):
    """What is wrong with a version of Python; "" if nothing is."""
    if tuple(version[:2]) >= LEAST:
        return ""
    return "Python %d.%d is too old: expected 3.11 or later, e.g. make PYTHON=python3.12" % tuple(version[:2])


def python_of(folder):
    """The Python of an environment."""
    return os.path.join(folder, "bin", "python")


def usable(folder):
    """Whether there is an environment whose Python starts, and is new enough."""
    code = "import sys; sys.exit(sys.version_info < %r)" % (LEAST,)
    try:
        return subprocess.call([python_of(folder), "-c", code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def main():
    """Make the environment, or what is missing in it; the exit code."""
    fault = wrong(sys.version_info)
    if fault:
        print(fault, file=sys.stderr)
        return 2
    if not usable(VENV):
        if os.path.isdir(VENV):
            print("%s has a Python that is missing or too old: it is made again" % VENV)
            shutil.rmtree(VENV)
        print("making %s with Python %d.%d" % ((VENV, *tuple(sys.version_info[:2]))))
        subprocess.check_call([sys.executable, "-m", "venv", VENV])
    return install()


def install():
    """Install what REQUIREMENTS has; the exit code of pip, whose last words are printed if it fails."""
    with open(REQUIREMENTS) as file:
        total = len(re.findall(r"^[A-Za-z0-9]", file.read(), re.M))
    print("installing the %d packages of %s into %s: once, some minutes at most" % (total, REQUIREMENTS, VENV))
    command = [python_of(VENV), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", REQUIREMENTS]
    here = sys.stdout.isatty()
    lines, count = [], 0
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    for line in pip.stdout:
        lines.append(line)
        if re.match(r"Collecting |Requirement already|Ignoring ", line):
            count += 1
            if here or count % SHOWN_EVERY == 0:
                print("%s  found %d of %d" % ("\r" if here else "", count, total), end="" if here else "\n", flush=True)
        if line.startswith("Installing collected"):
            print("%s  installing" % ("\n" if here else ""), flush=True)
    if pip.wait():
        print("\n" + "".join(lines[-20:]), file=sys.stderr)
        print(
            "%s could not be installed into %s: see above; `make venv` tries again" % (REQUIREMENTS, VENV),
            file=sys.stderr,
        )
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main())
