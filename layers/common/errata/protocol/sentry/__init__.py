"""What Sentry's SDKs send, into the events of the other doors. Bytes in, models out, no IO.

Source: the public development documentation for SDKs (envelopes, event payloads, client reports,
rate limiting) and what the SDKs send; no line of Sentry's server is followed.
"""
