#!/bin/sh
# Send one event. Set ERRATA_URL and ERRATA_KEY.
curl --fail-with-body --silent --show-error "$ERRATA_URL/api/ingest" \
  -H "X-Api-Key: $ERRATA_KEY" \
  -H "Content-Type: application/json" \
  -d '{"message": "Hello from curl", "environment": "production", "release": "1.0.0"}'
