"""Check whether the API can be reached over IPv6."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import urllib3

from errata.cli.checks.base import Finding, finding
from errata.cli.checks.client import TIMEOUT_S, trusting
from errata.cli.checks.trial import Trial


def ipv6(running: Trial) -> Iterator[Finding]:
    """Send a request to each IPv6 address of the API, if it and this machine have any."""
    url = urlsplit(running.client.url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if running.client.proxied:
        yield Finding("not tried: requests go through a proxy")
        return
    addresses = _addresses(host, port)
    if not addresses:
        yield Finding(f"not tried: {host} has no IPv6 address")
        return
    if not _has_route(addresses[0], port):
        yield Finding("not tried: this machine has no IPv6")
        return
    for address in addresses:
        problem = _problem(url.scheme, host, address, port, f"{url.path}/api/errata-doctor")
        yield finding(
            not problem,
            address,
            f"No response at {address}: {problem}",
            "Check that this machine has IPv6 to other hosts. Then: aws apigateway get-rest-api"
            f" --rest-api-id {running.deployment.gateway.api_id}",
        )


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:
        return []
    addresses = (str(address[0]) for *_, address in found)
    # An IPv4 address written as IPv6 leads to IPv4.
    return sorted({each for each in addresses if not each.startswith("::ffff:")})


def _has_route(address: str, port: int) -> bool:
    """Return whether this machine has a route to an address. Sends nothing."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, port))
        except OSError:
            return False
    return True


def _problem(scheme: str, host: str, address: str, port: int, path: str) -> str:
    """Return why there is no response, "" if there is one."""
    if scheme == "https":
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
            address, port, server_hostname=host, ssl_context=trusting()
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port)
    try:
        headers = {"Host": host, "User-Agent": "errata-doctor"}
        pool.request("GET", path, headers=headers, timeout=TIMEOUT_S, retries=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return str(error)
    finally:
        pool.close()
    return ""
