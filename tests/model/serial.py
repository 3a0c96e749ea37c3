"""An obvious inventory: one caller at a time, dictionaries, no database.

Written from the API's contract alone, to audit the batched write path; shares no code with it. An
outcome is a plain dictionary: what the response says, or {"reason": ...} and what else it says.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from tests.model.reach import Reach
from tests.model.warehouse import Outcome, Refused

Asked = tuple[str, str, Mapping[str, Any]]
"""(request id, name, arguments)"""

NEW = {"create_product": "key", "place": "order", "create_hold": "hold", "convert_hold": "order"}
"""The name of what a call makes is the model's alone: the call is the same under another one."""

NEVER_STORED = {"HOLD_BUDGET_EXCEEDED"}
"""Refusals that a retry may find gone."""


class Inventory(Reach):
    """Everything there is. Products are named by keys of the caller's, orders and holds too."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, tuple[Any, Outcome]] = {}

    def together(self, calls: Sequence[Asked]) -> list[Outcome]:
        """Calls of one transaction, one by one: nothing that is due stands in anybody's way."""
        self.arrive(calls)
        return [self.run(*each) for each in calls]

    def arrive(self, calls: Sequence[Asked]) -> None:
        """What is due wherever one of the calls looks goes back before the first of them; but if
        all of them were answered before, nobody looks."""
        if all(request_id in self.answers for request_id, _, _ in calls):
            return
        reached = (self.reach(name, arguments) for _, name, arguments in calls)
        self.expire(set().union(*reached))

    def run(self, request_id: str, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """One call: its outcome, ``replayed`` among it."""
        asked = (name, {key: arguments[key] for key in arguments if key != NEW.get(name)})
        if request_id in self.answers:
            before, outcome = self.answers[request_id]
            if before != asked:
                return {"reason": "REQUEST_ID_REUSED", "replayed": False}
            return {**outcome, "replayed": True}
        outcome = self._alone(name, arguments)
        if outcome.get("reason") not in NEVER_STORED:
            self.answers[request_id] = (asked, outcome)
        return {**outcome, "replayed": False}

    def dry(self, call: Asked) -> Outcome:
        """What the call would answer, if it had never been made."""
        _, name, arguments = call
        self.arrive([("", name, arguments)])
        outcome = copy.deepcopy(self)._alone(name, arguments)
        if name == "convert_hold" and "reason" not in outcome:
            # The order that is not made has no id to be named by.
            outcome["hold"]["orders"].pop()
        return {**outcome, "replayed": False}

    def atomic(self, calls: Sequence[Asked]) -> list[Outcome] | Outcome:
        """All of them, or the first refusal with its ``row``."""
        self.arrive(calls)
        before = copy.deepcopy(self.__dict__)
        outcomes: list[Outcome] = []
        for row, (request_id, name, arguments) in enumerate(calls):
            outcome = self.run(request_id, name, arguments)
            if "reason" in outcome:
                self.__dict__ = before
                return {**outcome, "row": row}
            outcomes.append(outcome)
        return outcomes

    def _alone(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        before, written = copy.deepcopy(self._changing()), len(self.ledger)
        # Whether rows are locked is for the caller to choose, and changes no answer.
        plain = {key: value for key, value in arguments.items() if key != "optimistic"}
        try:
            outcome: Outcome = getattr(self, name)(**plain)
        except Refused as refused:
            self.__dict__ |= before
            del self.ledger[written:]
            return refused.outcome
        return copy.deepcopy(outcome)

    def _changing(self) -> dict[str, Any]:
        names = ("products", "locations", "levels", "orders", "holds", "tick")
        return {name: self.__dict__[name] for name in names}
