"""Organizations, which own projects, and the policy that binds their callers."""

from dataclasses import dataclass
from ipaddress import (
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from errata.errors import Invalid

# Owns every project that names no other; it is there without anybody creating it.
DEFAULT_ORGANIZATION = "default"
MAX_NETWORKS = 100
_MAPPED = IPv6Network("::ffff:0:0/96")

type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Organization:
    """What an operator has set for an organization.

    `created_at` is in milliseconds since the epoch. `allowlist` holds CIDRs and lets everybody in
    when it is empty; `monthly_quota` is in events a calendar month (UTC), None without a limit.
    `billing` is what it owes, as it is stored (errata.store.billing).
    """

    id: str
    name: str
    created_at: int
    allowlist: tuple[str, ...] = ()
    monthly_quota: int | None = None
    stripe_customer: str = ""
    billing: str = ""


def parse_allowlist(text: str) -> tuple[str, ...]:
    """The addresses and CIDRs of a list with commas, each as a CIDR in its shortest form.

    Raises:
        Invalid: names every entry that is none, and why.
    """
    entries = [entry.strip() for entry in text.split(",")]
    complaints: list[str] = []
    found: dict[str, None] = {}  # a set that keeps the order
    for entry in entries:
        try:
            found[str(_network(entry))] = None
        except ValueError as error:
            complaints.append(f"{error}.")
    if not complaints and len(found) > MAX_NETWORKS:
        complaints.append(f"An allowlist has {MAX_NETWORKS} entries at most.")
    if complaints:
        raise Invalid({"allowlist": complaints})
    return tuple(found)


def _network(entry: str) -> Network:
    address, slash, length = entry.partition("/")
    # The module knows netmasks, too, and takes some of them for their opposite.
    if not entry or (slash and not (length.isascii() and length.isdecimal())):
        raise ValueError(f"{entry!r} is neither an address nor a CIDR such as 192.0.2.0/24")
    if "%" in address:
        raise ValueError(f"{entry!r} names an interface, which no caller's address does")
    network = ip_network(entry)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # What arrives from it is taken for IPv4 (see `allows`).
        mapped = network.network_address.ipv4_mapped
        return IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network


def networks(allowlist: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of a stored allowlist."""
    return tuple(ip_network(entry) for entry in allowlist)


def allows(allowed: tuple[Network, ...], address: str) -> bool:
    """Whether these networks let an address in; none lets everybody.

    IPv4 that comes as IPv6 (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is IPv4.
    """
    if not allowed:
        return True
    try:
        source = ip_address(address)
    except ValueError:
        return False
    if isinstance(source, IPv6Address) and source.ipv4_mapped:
        source = source.ipv4_mapped
    return any(source in network for network in allowed)
