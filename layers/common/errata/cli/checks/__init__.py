"""Checks of a deployment, for `errata doctor`.

Those in `read_only.CHECKS` look at what AWS says about the stack's resources, and change nothing.
Those in `requests.REQUESTS` send requests as a client would, to a temporary project.
"""
