"""Organizations, which own projects, and their IP allowlists."""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from errata.errors import InvalidInputError

# Owns every project without another organization. It always exists.
DEFAULT_ORGANIZATION = "default"
# In a project's row, this replaces the id of an organization: the project belongs to none. No
# organization can have this id.
UNCLAIMED = "unclaimed"
MAX_NETWORKS = 100
_MAPPED = IPv6Network("::ffff:0:0/96")

type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization and its settings.

    Attributes:
        created_at: milliseconds since the epoch.
        allowlist: CIDRs of the allowed callers. Empty allows all.
        monthly_quota: events per calendar month (UTC). None means no limit.
        billing: the billing state in its stored form (see errata.store.billing).
        scrub: whether secrets in events are replaced before they are stored. A project may differ.
        scrub_contract_apis: whether this also applies to the ingest and the legacy API.
        scrub_rules: the version of its scrubbing rules, "" if it has none.
    """

    id: str
    name: str
    created_at: int
    allowlist: tuple[str, ...] = ()
    monthly_quota: int | None = None
    stripe_customer: str = ""
    billing: str = ""
    scrub: bool = True
    scrub_contract_apis: bool = True
    scrub_rules: str = ""


def parse_allowlist(text: str) -> tuple[str, ...]:
    """Return the entries of a comma-separated list of addresses and CIDRs, each as a CIDR.

    Raises:
        InvalidInputError: an entry is not an address or CIDR (names each one), or there are too
            many entries.
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
        complaints.append(f"The allowlist has more than {MAX_NETWORKS} entries. Remove some.")
    if complaints:
        raise InvalidInputError({"allowlist": complaints})
    return tuple(found)


def _network(entry: str) -> Network:
    address, slash, length = entry.partition("/")
    # `ipaddress` also accepts netmasks, and reads some of them as host masks (the inverse).
    if not entry or (slash and not (length.isascii() and length.isdecimal())):
        raise ValueError(f"{entry!r} is neither an address nor a CIDR such as 192.0.2.0/24")
    if "%" in address:
        raise ValueError(f"{entry!r} has a zone such as %eth0. Remove the zone")
    network = ip_network(entry)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Store it as IPv4, because `allows` also treats such addresses as IPv4.
        mapped = network.network_address.ipv4_mapped
        return IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network


def networks(allowlist: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of a stored allowlist."""
    return tuple(ip_network(entry) for entry in allowlist)


def allows(allowed: tuple[Network, ...], address: str) -> bool:
    """Return whether an address is in one of the networks. No networks allow all addresses.

    IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) are treated as IPv4.
    """
    if not allowed:
        return True
    source = _source(address)
    return source is not None and any(source in network for network in allowed)


def address_block(address: str, prefix: int = 64) -> str:
    """Return what limits count as one caller: an IPv4 address, or the /64 of an IPv6 address.

    One customer gets at least a /64, and often a /56 or a /48 (RFC 6177), and can use each of its
    addresses. `prefix` is the length to count instead of 64. A text that is not an address is its
    own block.
    """
    source = _source(address)
    if isinstance(source, IPv6Address):
        return str(IPv6Network((source, prefix), strict=False))
    return str(source or address)


def is_loopback(address: str) -> bool:
    """Return whether a caller is on this machine. Only callers of a local stack are."""
    source = _source(address)
    return source is not None and source.is_loopback


def _source(address: str) -> IPv4Address | IPv6Address | None:
    """Return a caller's address, or None. An IPv4-mapped one becomes IPv4."""
    try:
        source = ip_address(address)
    except ValueError:
        return None
    return (isinstance(source, IPv6Address) and source.ipv4_mapped) or source
