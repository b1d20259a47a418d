"""Why an event that was sent is not in the log, or not in full."""

# In the order in which people see them. `trimmed` was stored, but not in full; `mismatch` repeated
# an Idempotency-Key with another body, which was not stored.
REASONS = (
    "invalid",
    "rate_limited",
    "quota",
    "billing",
    "ip",
    "too_large",
    "trimmed",
    "mismatch",
)
# What a function logs: project and reason. The subscription filters look for the first words
# (template.yaml).
LINE = "event lost: project %s, %s"
