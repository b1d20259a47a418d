"""Reads requests of the OpenTelemetry protocol (OTLP) over HTTP, as protobuf or JSON.

Exceptions become events, and also log records of level error, if the project wants them. Everything
else is only counted. Source: opentelemetry.io, "OTLP Specification" and "Semantic conventions for
exceptions".
"""
