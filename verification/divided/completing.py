"""What is shown of a witness, of which no part had all: it is fetched, when it is known which one is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from verification.case import Case
from verification.divided.store import Store
from verification.found import Part, Witness
from verification.ledger import Ledger, find
from verification.meanwhile import MOST, Beside


@dataclass(frozen=True)
class Completing:
    """Where it is fetched from."""

    system: Any
    store: Store
    last: Ledger
    """The ledger of the run, without its operations."""
    seen: Any
    case: Callable[[int], Case]
    """The case of a part of the keys."""

    def of(self, part: Part) -> Part:
        """What was found, its witnesses whole."""
        each: Mapping[str, Witness] = {name: self._whole(one) for name, one in part.each.items()}
        first, worst = (one and self._whole(one) for one in (part.first, part.worst))
        return replace(part, first=first, worst=worst, each=each)

    def _whole(self, witness: Witness) -> Witness:
        if witness.key is not None:
            witness = self._by_key(witness, witness.key)
        beside = witness.shown.get("beside")
        if not isinstance(beside, Beside):
            return witness
        others = self._beside(beside)
        shown = {name: others if name == "beside" else value for name, value in witness.shown.items()}
        if not others:
            del shown["beside"]
        return replace(witness, shown=shown)

    def _by_key(self, witness: Witness, key: int) -> Witness:
        keys = np.array([key])
        case = self.case(int(self.store.part_of(keys)[0]))
        line, _ = find(case.ledger.keys["key"].to_numpy(), keys)
        found = case.breaking(line)
        return replace(witness, shown=found.shown, sql=witness.sql or found.sql) if found else witness

    def _beside(self, beside: Beside) -> list[dict[str, Any]]:
        """All that is known of the operations beside a witness."""
        found = [self.last.ops.iloc[:0]]
        for number in np.unique(self.store.part_of(np.array(beside.things, np.int64))).tolist():
            ops = self.system.operations_about(self.store, self.last, number)
            case = self.system.case(replace(self.last, ops=ops), self.seen)
            found.append(ops.iloc[beside.among(ops, case.thing_of())])
        ops = pd.concat(found).astype({"kind": self.last.ops["kind"].dtype}).drop_duplicates("op").sort_values("op")
        chosen = ops.iloc[:MOST].reset_index(drop=True)
        case = self.system.case(replace(self.last, ops=chosen), self.seen)
        told: list[dict[str, Any]] = case.attempts(np.arange(len(chosen)))
        return told
