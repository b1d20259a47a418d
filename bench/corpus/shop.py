"""A small web shop that fails in many real ways, for its exceptions and what led up to them.

Nothing here is imagined: each function does what its name says with real libraries, on inputs that
real shops meet, and the exception that escapes is the library's own.
"""

import ast
import asyncio
import concurrent.futures
import configparser
import csv
import email.message
import email.policy
import http.client
import io
import ipaddress
import json
import logging
import sqlite3
import struct
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from string import Template
from typing import Any, Literal
from zoneinfo import ZoneInfo

import boto3
import jsonschema
import pydantic
import requests
import yaml
from cryptography.fernet import Fernet
from werkzeug.datastructures import MultiDict

logger = logging.getLogger("shop")

GOODS = (
    ("LMP-0417", "Desk lamp, brass", "129.00"),
    ("CHR-2203", "Folding chair", "44.50"),
    ("KTL-0091", "Enamel kettle 1.5 l", "61.95"),
    ("RUG-7720", "Wool rug 140x200, ochre", "389.00"),
    ("CUP-0003", "Espresso cups, set of 6", "27.90"),
    ("BLN-1418", "Linen blanket", "98.00"),
    ("SHF-5512", "Wall shelf, oak", "74.25"),
    ("CLK-0808", "Kitchen clock, silent", "35.00"),
)


class ImportFailed(Exception):
    """A supplier's file could not be taken over."""


class CheckoutError(Exception):
    """An order could not be placed."""


class PaymentDeclined(CheckoutError):
    """The payment provider said no, or nothing."""


class Address(pydantic.BaseModel):
    """Where a parcel goes."""

    street: str = pydantic.Field(min_length=3)
    postcode: str = pydantic.Field(pattern=r"^\d{4,5}$")
    country: Literal["DE", "AT", "CH", "NL"]


class Line(pydantic.BaseModel):
    """One article of an order."""

    sku: str
    quantity: int = pydantic.Field(ge=1, le=99)
    price: Decimal


class Order(pydantic.BaseModel):
    """What a customer sends at the checkout."""

    customer_id: int
    email: str
    lines: list[Line]
    ship_to: Address
    wanted: date | None = None


@dataclass
class Cart:
    """The articles that a visitor has chosen."""

    number: str
    customer: int
    lines: dict[str, int] = field(default_factory=dict)

    def total(self, prices: dict[str, Decimal]) -> Decimal:
        """The sum of the cart."""
        return sum((prices[sku] * count for sku, count in self.lines.items()), Decimal(0))


class Shop:
    """One visit: a database in memory, a cart, and a closed port where the bank should be."""

    def __init__(self, rng: Random, closed_port: int, on_query: Callable[[str], object]) -> None:
        self.rng = rng
        self.bank = f"127.0.0.1:{closed_port}"
        self.db = sqlite3.connect(":memory:")
        self.db.set_trace_callback(on_query)
        self.customer = rng.randrange(1_000, 90_000)
        self.cart = Cart(self.uuid(), self.customer)
        self.open()

    def uuid(self) -> str:
        """A random UUID, the same in each run of the script."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def open(self) -> None:
        """Make the tables and log the visitor in."""
        self.db.executescript(
            "CREATE TABLE article (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price TEXT NOT NULL);"
            "CREATE TABLE stock (sku TEXT REFERENCES article, count INTEGER CHECK (count >= 0));"
            "CREATE TABLE purchase (id TEXT PRIMARY KEY, customer INTEGER NOT NULL, total TEXT);"
        )
        self.db.executemany("INSERT INTO article VALUES (?, ?, ?)", GOODS)
        stocks = [(sku, self.rng.randrange(1, 40)) for sku, _, _ in GOODS]
        self.db.executemany("INSERT INTO stock VALUES (?, ?)", stocks)
        logger.info("customer %d logged in, session %s", self.customer, self.uuid()[:18])

    def browse(self, steps: int) -> None:
        """Look around as a visitor does: searches, articles, things into the cart."""
        for _ in range(steps):
            sku, name, price = self.rng.choice(GOODS)
            match self.rng.randrange(6):
                case 0:
                    word = self.rng.choice(name.lower().replace(",", "").split())
                    found = self.db.execute(
                        "SELECT sku, price FROM article WHERE name LIKE ?", [f"%{word}%"]
                    ).fetchall()
                    logger.debug("search %r found %d articles", word, len(found))
                case 1:
                    self.db.execute("SELECT count FROM stock WHERE sku = ?", [sku]).fetchone()
                    logger.debug("article page %s", sku)
                case 2 | 3:
                    self.cart.lines[sku] = self.cart.lines.get(sku, 0) + self.rng.randrange(1, 4)
                    logger.info("cart %s: %d x %s", self.cart.number[:8], self.cart.lines[sku], sku)
                case 4:
                    page = Template("<h2>$name</h2><p>EUR $price</p>").substitute(
                        name=name, price=price
                    )
                    logger.debug("rendered teaser of %s in %d bytes", sku, len(page))
                case _:
                    flags = json.loads('{"new_checkout": true, "cohort": "b", "limit": 20}')
                    logger.debug("flags for customer %d: %s", self.customer, flags)

    def prices(self) -> dict[str, Decimal]:
        """What each article costs."""
        return {sku: Decimal(price) for sku, _, price in GOODS}

    # -------------------------------------------------------------- what goes wrong

    def read_feature_flags(self) -> Any:
        """A flags file that somebody edited by hand."""
        text = '{"new_checkout": true, "cohort": "b", "limit": 20,}\n'
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "flags.json"
            file.write_text(text)
            return json.loads(file.read_text())

    def place_order_twice(self) -> None:
        """A double click: the same order number again."""
        total = self.cart.total(self.prices())
        for attempt in range(2):
            logger.info("placing order %s, attempt %d", self.cart.number, attempt + 1)
            with self.db:
                self._insert_purchase(self.cart.number, total)

    def _insert_purchase(self, number: str, total: Decimal) -> None:
        try:
            self.db.execute(
                "INSERT INTO purchase (id, customer, total) VALUES (?, ?, ?)",
                [number, self.customer, str(total)],
            )
        except sqlite3.IntegrityError as error:
            raise CheckoutError(f"order {number} could not be stored") from error

    def oversell(self) -> None:
        """More than there is."""
        sku = self.rng.choice(GOODS)[0]
        with self.db:
            self.db.execute("UPDATE stock SET count = count - ? WHERE sku = ?", [99, sku])

    def report_of_missing_column(self) -> list[Any]:
        """A report whose column the last migration has renamed."""
        query = (
            "SELECT strftime('%Y-%m', created_at) AS month, count(*), sum(total) FROM purchase"
            " WHERE customer = ? GROUP BY month ORDER BY month DESC"
        )
        return self.db.execute(query, [self.customer]).fetchall()

    def charge(self) -> Any:
        """The bank's service is down."""
        body = json.dumps({"order": self.cart.number, "amount": 12900, "currency": "EUR"}).encode()
        request = urllib.request.Request(
            f"http://{self.bank}/v2/charges",
            data=body,
            headers={"Content-Type": "application/json", "Idempotency-Key": self.cart.number},
        )
        try:
            with urllib.request.urlopen(request, timeout=2) as response:
                return json.load(response)
        except urllib.error.URLError as error:
            raise PaymentDeclined(f"bank did not answer for order {self.cart.number}") from error

    def ask_for_exchange_rates(self) -> bytes:
        """The same with http.client, and nobody catches it."""
        connection = http.client.HTTPConnection(self.bank, timeout=2)
        connection.request("GET", "/rates?base=EUR&symbols=CHF,GBP,USD")
        return connection.getresponse().read()

    def notify_warehouse(self) -> Any:
        """And with requests, as most do."""
        lines = [{"sku": sku, "count": count} for sku, count in self.cart.lines.items()]
        response = requests.post(
            f"http://{self.bank}/picklists", json={"order": self.cart.number, "lines": lines}
        )
        response.raise_for_status()
        return response.json()

    def store_invoice(self) -> None:
        """An object store that cannot be reached."""
        from botocore.config import Config

        store = boto3.client(
            "s3",
            endpoint_url=f"http://{self.bank}",
            config=Config(retries={"total_max_attempts": 1}),
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="eu-central-1",
        )
        store.put_object(Bucket="invoices", Key=f"{self.cart.number}.pdf", Body=b"%PDF-1.7")

    def queue_mail(self) -> None:
        """A call with arguments of the wrong types."""
        queue = boto3.client(
            "sqs",
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        queue.send_message(
            QueueUrl="https://sqs.eu-central-1.amazonaws.com/123456789012/mail",
            MessageBody={"template": "order-confirmed", "order": self.cart.number},  # type: ignore[arg-type]
            DelaySeconds="5",  # type: ignore[arg-type]
        )

    def check_order(self) -> Order:
        """A form with five mistakes in it."""
        return Order.model_validate(
            {
                "customer_id": str(self.customer),
                "email": None,
                "lines": [
                    {"sku": "LMP-0417", "quantity": 0, "price": "129.00"},
                    {"sku": "RUG-7720", "quantity": 1, "price": "389,00"},
                ],
                "ship_to": {"street": "Am Markt 3", "postcode": "D-20095", "country": "FR"},
                "wanted": "2026-02-30",
            }
        )

    def check_webhook(self) -> None:
        """A partner's message that breaks its own schema."""
        schema = {
            "type": "object",
            "required": ["id", "status", "parcels"],
            "properties": {
                "status": {"enum": ["created", "in_transit", "delivered"]},
                "parcels": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"weight": {"type": "number", "exclusiveMinimum": 0}},
                    },
                },
            },
        }
        message = {
            "id": self.uuid(),
            "status": "in_transit",
            "parcels": [{"weight": 1.25, "dimensions": [30, 20, 12]}, {"weight": -1}],
        }
        jsonschema.validate(message, schema)

    def read_price_list(self) -> int:
        """A supplier's XML with a tag that is never closed."""
        rows = "".join(f'<item sku="{s}"><price>{p}</price></item>\n' for s, _, p in GOODS)
        document = f"<catalog supplier='4711'>\n{rows}<item sku='NEW-1'><price>12.00</item>\n"
        try:
            catalog = ElementTree.fromstring(document + "</catalog>")
        except ElementTree.ParseError as error:
            raise ImportFailed("supplier 4711: catalog.xml") from error
        return len(catalog)

    def import_stock(self) -> list[dict[str, Any]]:
        """A CSV file whose numbers are written the other way round."""
        file = io.StringIO("sku;count;price\nLMP-0417;12;129,00\nCHR-2203;7;1.044,50\n")
        rows = []
        for number, row in enumerate(csv.DictReader(file, delimiter=";"), start=2):
            try:
                rows.append({**row, "count": int(row["count"]), "price": Decimal(row["price"])})
            except ArithmeticError as error:
                raise ImportFailed(f"stock.csv, line {number}: {row}") from error
        return rows

    def import_reviews(self) -> list[list[str]]:
        """A CSV field without an end."""
        text = 'sku,stars,text\nRUG-7720,4,"Lovely colour' + "\nLMP-0417,5,fine" * 9_000
        return list(csv.reader(io.StringIO(text), strict=True))

    def unpack_photos(self) -> list[str]:
        """An upload that was cut off."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("lamp.jpg", self.rng.randbytes(4_000))
        half = io.BytesIO(buffer.getvalue()[:2_000])
        with zipfile.ZipFile(half) as archive:
            return archive.namelist()

    def split_bill(self) -> Decimal:
        """Nobody is left to pay."""
        payers: list[int] = []
        total = self.cart.total(self.prices())
        shares = [total / len(payers) for _ in range(2)]
        return max(shares)

    def discount(self) -> Decimal:
        """A percentage that came from a form."""
        return Decimal("129.00") * (1 - Decimal("10 %") / 100)

    def apply_voucher(self) -> str:
        """Three layers, each with its own idea of what went wrong."""
        try:
            return self._voucher_rule("SPRING26")
        except LookupError:
            logger.warning("voucher SPRING26 is unknown, asking the old shop")
            try:
                return self._old_voucher("SPRING26")
            except ValueError as error:
                raise CheckoutError("no voucher applies to this cart") from error

    def _voucher_rule(self, code: str) -> str:
        rules = {"WELCOME": "10 %", "FRIEND5": "5 EUR"}
        return rules[code]

    def _old_voucher(self, code: str) -> str:
        return str(ipaddress.ip_address(code))

    def gather_quotes(self) -> list[str]:
        """Several carriers asked at once: one is slow, two are wrong."""

        async def quote(carrier: str, delay: float) -> str:
            async with asyncio.timeout(0.05):
                await asyncio.sleep(delay)
                if carrier.startswith("x"):
                    raise ConnectionResetError(104, "Connection reset by peer", carrier)
                return {"dhl": "4.99", "gls": "4.49"}[carrier]

        async def every() -> list[str]:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(quote(name, delay), name=f"quote-{name}")
                    for name, delay in (("dhl", 0.01), ("xpo", 0.02), ("ups", 0.02))
                ]
            return [task.result() for task in tasks]

        return asyncio.run(every())

    def track_parcel(self) -> str:
        """One carrier, asked too impatiently."""

        async def ask() -> str:
            reader, _ = await asyncio.wait_for(asyncio.open_connection(*self._bank()), 0.5)
            return (await reader.readline()).decode()

        return asyncio.run(ask())

    def _bank(self) -> tuple[str, int]:
        host, port = self.bank.split(":")
        return host, int(port)

    def make_thumbnails(self) -> list[int]:
        """Work in threads; one of the pictures is no picture."""

        def size(head: bytes) -> int:
            width, height = struct.unpack(">II", head[16:24])
            return int(width * height)

        png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
        with concurrent.futures.ThreadPoolExecutor(2, "thumbnail") as pool:
            return list(pool.map(size, [png, png, png[:20]]))

    def read_configuration(self) -> str:
        """A setting that exists in another section."""
        parser = configparser.ConfigParser()
        parser.read_string(
            "[shop]\nname = Warm & Wool\n[mail]\nsender = %(name)s <a@example.org>\n"
        )
        return parser.get("mail", "sender")

    def read_tariffs(self) -> dict[str, Any]:
        """TOML with a key twice."""
        return tomllib.loads('[zone.1]\nprice = 4.99\n\n[zone.1]\nprice = 5.49\nname = "near"\n')

    def read_menu(self) -> Any:
        """YAML with a tab in it."""
        return yaml.safe_load("menu:\n  - title: Lamps\n    href: /lamps\n\t- title: Rugs\n")

    def print_label(self) -> str:
        """A program that fails."""
        script = "import sys; sys.stderr.write('lp: no default destination\\n'); sys.exit(1)"
        response = subprocess.run(
            [sys.executable, "-I", "-c", script, "--", f"label-{self.cart.number}.pdf"],
            check=True,
            capture_output=True,
            text=True,
        )
        return response.stdout

    def read_terms(self) -> str:
        """A file that the last release forgot."""
        language = self.rng.choice(["de", "nl", "fr"])
        return Path(f"/app/texts/terms-{language}.md").read_text(encoding="utf-8")

    def read_old_export(self) -> str:
        """Latin-1 taken for UTF-8."""
        return "Kundennummer;Straße;Größe\n17;Königsallee 4;groß\n".encode("latin-1").decode(
            "utf-8"
        )

    def open_session(self) -> bytes:
        """A cookie from before the secret was changed."""
        cookie = (
            b"gAAAAABqsTuAgdKJkwMpaOH3u1MoG7TKKuxdwwcYxTNsHr-IIoGfJp35ew1hcHaztbAZfUnR176SwqRuH_h1"
            b"90CZgcO0q6Rg_eWpru6ebtuKHDstAq2xy4e91j0Dc4h_VdZwTrDuVbs_"
        )
        try:
            return Fernet(b"K" * 43 + b"=").decrypt(cookie)
        except Exception as error:
            raise PermissionError(f"session of customer {self.customer} is not valid") from error

    def form_field(self) -> str:
        """A form field that a new front end does not send."""
        form = MultiDict({"email": "k@example.org", "newsletter": "on"})
        return str(form["newsletter_consent"])

    def deliver_on(self) -> str:
        """An hour that does not exist."""
        slot = datetime(2026, 3, 29, 1, 30, tzinfo=UTC) + timedelta(weeks=1)
        zone = ZoneInfo(self.rng.choice(["Europe/Hamburg", "Europe/Bern"]))
        return slot.astimezone(zone).isoformat()

    def categories(self) -> int:
        """A category that is its own ancestor."""
        parents = {"lamps": "light", "light": "home", "home": "light"}

        def depth(name: str) -> int:
            return 1 + depth(parents[name])

        return depth("lamps")

    def save_cart(self) -> str:
        """A cart that JSON cannot write."""
        return json.dumps({"number": self.cart.number, "total": self.cart.total(self.prices())})

    def formula(self) -> Any:
        """A price formula from the back office."""
        tree = ast.parse("price * (1 + vat) +", filename="formula:standard", mode="eval")
        return ast.literal_eval(tree)

    def mail_invoice(self) -> bytes:
        """A line feed in a name."""
        message = email.message.EmailMessage(policy=email.policy.SMTP)
        message["To"] = "Kim\nvan der Berg <kim@example.org>"
        return message.as_bytes()

    def greet(self) -> str:
        """A customer without a name."""
        customer: dict[str, Any] = {"id": self.customer, "name": None}
        return f"Hello {customer['name'].title()}"


FAILURES: tuple[Callable[[Shop], object], ...] = (
    Shop.read_feature_flags,
    Shop.place_order_twice,
    Shop.oversell,
    Shop.report_of_missing_column,
    Shop.charge,
    Shop.ask_for_exchange_rates,
    Shop.notify_warehouse,
    Shop.store_invoice,
    Shop.queue_mail,
    Shop.check_order,
    Shop.check_webhook,
    Shop.read_price_list,
    Shop.import_stock,
    Shop.import_reviews,
    Shop.unpack_photos,
    Shop.split_bill,
    Shop.discount,
    Shop.apply_voucher,
    Shop.gather_quotes,
    Shop.track_parcel,
    Shop.make_thumbnails,
    Shop.read_configuration,
    Shop.read_tariffs,
    Shop.read_menu,
    Shop.print_label,
    Shop.read_terms,
    Shop.read_old_export,
    Shop.open_session,
    Shop.form_field,
    Shop.deliver_on,
    Shop.categories,
    Shop.save_cart,
    Shop.formula,
    Shop.mail_invoice,
    Shop.greet,
)
