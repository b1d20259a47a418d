"""Log lines of CloudWatch Logs: from what a subscription delivers to events like those of SDKs.

Only text in, values out: no IO. Anything may be logged, so no line raises an exception.
"""
