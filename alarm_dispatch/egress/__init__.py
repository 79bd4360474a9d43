"""Which URLs and addresses may be called: a policy, decided before anything is sent."""

from alarm_dispatch.egress.policy import INTERNAL, EgressPolicy

__all__ = ["INTERNAL", "EgressPolicy"]
