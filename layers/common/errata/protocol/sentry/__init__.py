"""Parses the requests of Sentry SDKs into the same events as the other endpoints. Does no IO.

Sources: the public SDK development documentation (envelopes, event payloads, client reports, rate
limiting), and the requests of the SDKs. Nothing is copied from Sentry's server.
"""
