"""What a locustfile has, also by import, is known before anything is started; nothing of it is imported."""

from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.plan import locustfile, reading, without_plan
from harness.plan.classes import classes
from harness.plan.overrides import NONE
from harness.plan.toml_table import Where

USER = "class Visitor(HttpUser):\n    pass\n"
RAMP = "from locust import LoadTestShape\n\nclass Ramp(LoadTestShape):\n    pass\n"
PLAN = """\
[scenario.theirs]
purpose = "somebody else's users"
locustfile = "theirs.py"
unchecked = true
stages.smoke = [{ users = 6, for = "3s" }]
rules = ["ratio(errors) < 1%"]
"""


def theirs(folder: Path, text: str, **beside: str) -> Path:
    for name, content in {"theirs": f"from locust import HttpUser\n{text}\n{USER}", **beside}.items():
        path = folder / f"{name.replace('__', '/').replace('/init', '/__init__')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return folder / "theirs.py"


FOUND = {
    "of its own": (RAMP, {}, ["Ramp"]),
    "imported": ("from shapes import Ramp", {"shapes": RAMP}, ["Ramp"]),
    "by another name": ("from shapes import Ramp as Mine", {"shapes": RAMP}, ["Mine"]),
    "with all": ("from shapes import *", {"shapes": RAMP}, ["Ramp"]),
    "in a package": ("from load.shapes import Ramp", {"load__shapes": RAMP}, ["Ramp"]),
    "through a package": (
        "from load import Ramp",
        {"load__init": "from .shapes import Ramp", "load__shapes": RAMP},
        ["Ramp"],
    ),
    "derived from an imported one": (
        "from shapes import Base\nclass Mine(Base):\n    pass",
        {"shapes": RAMP.replace("Ramp", "Base") + "    abstract = True\n"},
        ["Mine"],
    ),
    "derived by its module": (
        "import shapes\nclass Mine(shapes.Ramp):\n    pass",
        {"shapes": RAMP},
        ["Mine"],
    ),
    "of Locust by another name": ("from locust import LoadTestShape as S\nclass Mine(S):\n    pass", {}, ["Mine"]),
    "below a condition": (
        f"try:\n    {RAMP.replace(chr(10), chr(10) + '    ')}\nexcept OSError:\n    pass",
        {},
        ["Ramp"],
    ),
    "a module only": ("import shapes", {"shapes": RAMP}, []),
    "an abstract one": (RAMP + "    abstract = True\n", {}, []),
    "of Locust alone": ("from locust import LoadTestShape", {}, []),
    "one that imports it": ("from shapes import Ramp", {"shapes": f"from theirs import Visitor\n{RAMP}"}, ["Ramp"]),
    "one that is no Python": ("from shapes import Ramp", {"shapes": "class"}, []),
    "one that is not there": ("from shapes import Ramp", {}, []),
}


@pytest.mark.parametrize("case", FOUND)
def test_shapes_are_those_that_locust_would_find(tmp_path: Path, case: str) -> None:
    text, beside, expected = FOUND[case]
    path = theirs(tmp_path, text, **beside)

    assert locustfile.shapes(path, Where(path, "", "theirs")) == expected


def test_an_imported_shape_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    theirs(tmp_path, "from shapes import Ramp", shapes=RAMP)
    (tmp_path / "own.toml").write_text(PLAN)

    with pytest.raises(PlanError, match=r'theirs\.py has a shape of its own, Ramp, .*expected shape = "theirs"'):
        reading.find("theirs", "smoke", tmp_path / "own.toml")
    asked = without_plan.Asked(tmp_path / "theirs.py")
    assert without_plan.scenario(asked, "smoke", NONE).shaped


def test_of_two_shapes_none_is_meant(tmp_path: Path) -> None:
    theirs(tmp_path, f"from shapes import Ramp\n{RAMP.replace('Ramp', 'Peak')}", shapes=RAMP)
    (tmp_path / "own.toml").write_text(
        PLAN.replace("stages.smoke = [{ users = 6,", 'shape = "theirs"\nstages.smoke = [{')
    )

    with pytest.raises(PlanError, match=r"expected one shape in theirs\.py, found Ramp, Peak"):
        reading.find("theirs", "smoke", tmp_path / "own.toml")


def test_an_imported_user_class_can_be_weighed(tmp_path: Path) -> None:
    theirs(tmp_path, "from people import Guest", people=USER.replace("Visitor", "Guest"))
    (tmp_path / "own.toml").write_text(PLAN.replace("unchecked", "users = { Guest = 2, Visitor = 1 }\nunchecked"))

    assert reading.find("theirs", "smoke", tmp_path / "own.toml").users == {"Guest": 2, "Visitor": 1}
    assert classes(tmp_path / "theirs.py")["Guest"].bases == {"HttpUser"}


def test_each_file_is_read_once_however_often_it_is_imported(tmp_path: Path) -> None:
    chain = {f"m{n}": f"from m{n + 1} import *\nimport m{n + 1}\nfrom m{n + 1} import Ramp" for n in range(40)}
    path = theirs(tmp_path, "from m0 import *", **chain, m40=RAMP)

    assert locustfile.shapes(path, Where(path, "", "theirs")) == ["Ramp"]


def test_what_is_abstract_or_of_elsewhere_can_not_be_weighed(tmp_path: Path) -> None:
    theirs(tmp_path, "from locust import HttpUser as Base\nclass Most(HttpUser):\n    abstract = True")
    for name in ("Base", "Most"):
        (tmp_path / "own.toml").write_text(PLAN.replace("unchecked", f"users = {{ {name} = 1 }}\nunchecked"))
        with pytest.raises(PlanError, match=f"unknown user class '{name}' in theirs.py; .*known: Visitor"):
            reading.find("theirs", "smoke", tmp_path / "own.toml")
