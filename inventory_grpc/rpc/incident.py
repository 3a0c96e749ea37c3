"""Bugs as refusals: an opaque answer for the caller, everything for the log."""

import logging

import uuid_utils

from inventory_grpc.domain.errors import DomainError
from inventory_grpc.rpc.calls import current

_log = logging.getLogger(__name__)


class Incident(DomainError):
    """A bug: the caller learns an incident id, the log has everything under the same id."""

    reason = "INTERNAL"

    def __init__(self, incident: str) -> None:
        super().__init__(incident)
        self.incident = incident

    @property
    def message(self) -> str:
        """Opaque on purpose."""
        return f"internal error, incident {self.incident}; its outcome is unknown"

    @property
    def metadata(self) -> dict[str, str]:
        """The incident id."""
        return {"incident": self.incident}


def incident_of(method: str, bug: Exception) -> Incident:
    """What the caller of ``method`` is told of a bug; the log gets everything."""
    incident = str(uuid_utils.uuid7())
    current.get().bugs += 1
    _log.error("bug in %s, incident %s", method, incident, exc_info=bug)
    return Incident(incident)
