"""What the monitor sampled of target, database and machine, a line a second."""

import json
from pathlib import Path

from harness.errors import RunError
from harness.monitor import FILE

Line = dict[str, float]


def lines(folder: Path) -> list[Line]:
    """What the monitor left in a run folder; nothing if there was none. A line that was cut is left out."""
    try:
        text = (folder / FILE).read_text()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder / FILE}: {error}: expected what the monitor wrote; run again") from None
    found = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("at"), int):
            found.append({name: number for name, number in value.items() if isinstance(number, int | float)})
    return found
