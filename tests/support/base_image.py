"""A base image of what this machine has: its Python, the libraries of that, and a few commands; from no registry."""

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from pathlib import Path

COMMANDS = ("sh", "cat", "chown", "find", "mkdir", "rm", "basename", "sleep")
LIBRARIES = "libgcc_s.so.1 libstdc++.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libm.so.6 libutil.so.1 libresolv.so.2"
"""What wheels count on, besides what Python itself has, by their own names."""
MORE = ("libnss_files.so.2", "libnss_dns.so.2", "libz.so.1", "libuuid.so.1", "libcrypt.so.1")
FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf", "/etc/nsswitch.conf")
FOLDERS = ("/usr/share/zoneinfo",)
PATH = "/usr/local/bin:/usr/bin:/bin"
UNNEEDED = re.compile(r"/(__pycache__|test|idlelib|tkinter|config-[\w.-]+)(/|$)|/site-packages/(?!pip(-|/|$)|$)|\.a$")


def unfit() -> str:
    """Why there can't be one of this machine; "" = there can."""
    if sys.platform != "linux" or not Path("/bin/sh").exists():
        return "no Linux with a shell"
    if not (_stdlib() / "ensurepip").is_dir() or not list((_stdlib() / "ensurepip").rglob("pip-*.whl")):
        return "Python here can't make environments: `apt-get install python3-venv`"
    return ""


def base_image() -> bytes:
    """Its tar, as `docker import` takes it: `python` is in PATH."""
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    commands = [path for name in COMMANDS for path in _found(name)]
    files = [python, *commands, *_stdlib().rglob("*"), *map(Path, FILES)]
    files += [path for folder in FOLDERS for path in Path(folder).rglob("*")]
    kept = [path for path in files if path.exists() and not UNNEEDED.search(str(path))]
    binaries = [python, *commands, *(path for path in kept if ".so" in path.suffixes)]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        made: set[str] = set()
        for name in ("tmp", "var/tmp"):
            _folder(tar, made, name, 0o1777)
        for path in dict.fromkeys([*kept, *_libraries(binaries)]):
            _add(tar, made, path)
        for name, target in (("python", python), ("python3", python)):
            _link(tar, made, f"usr/local/bin/{name}", str(target))
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
            _text(tar, made, name, text)
    return buffer.getvalue()


def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _found(name: str) -> list[Path]:
    """Where a command is; that of /bin, since a shell may have its own."""
    return [path for folder in ("/bin", "/usr/bin") if (path := Path(folder, name)).exists()][:1]


def _libraries(binaries: Iterable[Path]) -> list[Path]:
    """All that they are linked with, and what wheels count on, by the names that the loader asks for."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    known = dict(reversed(re.findall(r"^\s+(\S+) \(libc6,x86-64[^)]*\) => (\S+)$", listed, re.M)))
    wanted = [Path(known[name]) for name in (*LIBRARIES.split(), *MORE) if name in known]
    words = ["ldd", *{str(path) for path in [*binaries, *wanted] if path.is_file()}]
    said = subprocess.run(words, capture_output=True, text=True).stdout
    linked = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.M)}
    return [*wanted, *sorted(linked)]


def _parents(tar: tarfile.TarFile, made: set[str], name: str) -> None:
    for parent in reversed(Path(name).parents):
        if str(parent) != ".":
            _folder(tar, made, str(parent), 0o755)


def _folder(tar: tarfile.TarFile, made: set[str], name: str, mode: int) -> None:
    if name not in made:
        _parents(tar, made, name)
        made.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)


def _link(tar: tarfile.TarFile, made: set[str], name: str, target: str) -> None:
    _parents(tar, made, name)
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def _text(tar: tarfile.TarFile, made: set[str], name: str, text: str) -> None:
    _parents(tar, made, name)
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text), 0o644
    tar.addfile(entry, io.BytesIO(text.encode()))


def _add(tar: tarfile.TarFile, made: set[str], path: Path) -> None:
    """A file as what it leads to, at the path that it is asked for by: root's, readable by all."""
    if path.is_dir():
        return
    name = str(path).lstrip("/")
    if name in made:
        return
    _parents(tar, made, name)
    made.add(name)
    entry = tar.gettarinfo(str(path.resolve()), name)
    entry.type, entry.uid, entry.gid, entry.uname, entry.gname = tarfile.REGTYPE, 0, 0, "root", "root"
    entry.mode = entry.mode | 0o444 | (0o111 if entry.mode & 0o100 else 0)
    entry.size = path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(entry, file)
