"""A server on loopback that responds like AWS, and records its calls.

It knows DynamoDB, S3, SQS, CloudWatch Logs and EventBridge Scheduler.

It is not an emulator: writes succeed but change nothing, and reads only find the rows and files
that it was given. It runs in threads of the bench's own process, so it costs the measured processes
nothing.
"""

import hashlib
import json
import re
import uuid
import zlib
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Self

from bench.template import tables
from bench.write_units import Item, key_names, projected

type RowsByTable = dict[str, list[Item]]  # by table


class AwsCall(NamedTuple):
    """A request as it arrived: `PutItem`, and its parameters as typed JSON."""

    operation: str
    request: dict[str, Any]


class RecordingServer(ThreadingHTTPServer):
    """The server. A context manager: it serves during the block."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[AwsCall] = []
        self._rows: dict[str, list[Item]] = {}
        self._files: dict[str, bytes] = {}
        # What GetLogEvents returns.
        self.lines: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing if a worker has ended while it waited for a response."""

    def keep(self, rows: RowsByTable, files: Mapping[str, bytes] | None = None) -> None:
        """Respond to reads from these rows and files (by bucket and key) from now on."""
        self._rows = rows
        self._files = dict(files or {})

    def file(self, path: str, part: str) -> bytes | None:
        """Return a part, `bytes=0-9`, of a file of S3. None if it does not exist."""
        self.calls.append(AwsCall("GetObject", {"Key": path, "Range": part}))
        start, _, end = part.removeprefix("bytes=").partition("-")
        content = self._files.get(path)
        return None if content is None else content[int(start) : int(end) + 1]

    def taken(self) -> list[AwsCall]:
        """Return the calls since the last `taken`."""
        calls, self.calls = self.calls, []
        return calls

    def response(self, call: AwsCall) -> tuple[int, dict[str, Any]]:
        """Return the status and body for a call."""
        self.calls.append(call)
        match call.operation:
            case "UpdateItem" if call.request.get("ReturnValues") == "UPDATED_NEW":
                # Respond as if the row did not exist before.
                expression = call.request["UpdateExpression"]
                added = re.findall(r"(?:ADD (\w+)|SET (\w+) =) (:\w+)", expression)
                values = call.request["ExpressionAttributeValues"]
                row = {name or named: values[each] for name, named, each in added}
                # Tokens of a bucket in use, which a slow machine rarely needs: as if just begun.
                if moved := re.match(r"SET (\w+) = \1 [+] (:\w+)", expression):
                    now, step = (int(values[each]["N"]) for each in (":now", moved[2]))
                    row[moved[1]] = {"N": str(now + step)}
                return 200, {"Attributes": row}
            case "UpdateItem" if call.request.get("ReturnValues") == "ALL_NEW":
                # The same: every attribute gets what it has if it does not exist.
                values = call.request["ExpressionAttributeValues"]
                set_once = re.findall(
                    r"(\w+) = if_not_exists\(\1, (:\w+)\)", call.request["UpdateExpression"]
                )
                return 200, {"Attributes": {name: values[each] for name, each in set_once}}
            case "PutItem" | "UpdateItem" | "TransactWriteItems":
                return 200, {}
            case "BatchWriteItem":
                return 200, {"UnprocessedItems": {}}
            case "GetItem":
                found = self._find(call.request["TableName"], [call.request["Key"]])
                return 200, {"Item": found[0]} if found else {}
            case "BatchGetItem":
                wanted = call.request["RequestItems"].items()
                found_in = {table: self._find(table, each["Keys"]) for table, each in wanted}
                return 200, {"Responses": found_in, "UnprocessedKeys": {}}
            case "SendMessage":
                body = call.request["MessageBody"].encode()
                md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
                return 200, {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": md5}
            case "CreateSchedule":
                arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/ScheduleGroup/1-1f0c-1795"
                return 200, {"ScheduleArn": arn}
            case "GetLogEvents":
                return 200, {"events": self.lines}
            case "Query":
                return 200, self._query(call.request)
        return 400, {"__type": "com.amazon.coral.service#UnknownOperationException"}

    def _find(self, table: str, keys: Iterable[Item]) -> list[Item]:
        rows = self._rows.get(table, [])
        return [row for key in keys for row in rows if key.items() <= row.items()]

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return a page of an index, in descending order. Ignore filters: all rows pass them."""
        table = next(each for each in tables() if each["TableName"] == request["TableName"])
        indexes = table["GlobalSecondaryIndexes"]
        index = next(each for each in indexes if each["IndexName"] == request["IndexName"])
        hash_name, sort_name = (each["AttributeName"] for each in index["KeySchema"])
        keys = key_names(table) | {hash_name, sort_name}
        condition = f"{hash_name} = :{hash_name} AND {sort_name} BETWEEN :low AND :high"
        assert request["KeyConditionExpression"] == condition
        assert request["ScanIndexForward"] is False
        values = request["ExpressionAttributeValues"]
        partition = values[f":{hash_name}"]
        low, high = (int(values[name]["N"]) for name in (":low", ":high"))

        def place(row: Item) -> tuple[int, str]:
            return int(row[sort_name]["N"]), row["sk"]["S"]

        rows = [
            row
            for row in self._rows.get(request["TableName"], [])
            if row.get(hash_name) == partition
            and sort_name in row
            and low <= int(row[sort_name]["N"]) <= high
        ]
        if "ExclusiveStartKey" in request:
            rows = [row for row in rows if place(row) < place(request["ExclusiveStartKey"])]
        found = sorted(rows, key=place, reverse=True)[: request["Limit"]]
        asked = request["ProjectionExpression"].split(", ")
        entries = [projected(row, keys, index["Projection"]) for row in found]
        response = {
            "Items": [{name: entry[name] for name in asked} for entry in entries],
            "Count": len(found),
            "ScannedCount": len(found),
        }
        if len(found) < len(rows):
            response["LastEvaluatedKey"] = {name: found[-1][name] for name in keys}
        return response


# What S3 responds to a quiet DeleteObjects.
_ALL_DELETED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>'
)
_CREATED = {"schedules": "CreateSchedule"}


class _Handler(BaseHTTPRequestHandler):
    server: RecordingServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        content = self.server.file(self.path.removeprefix("/"), self.headers["Range"])
        status = 404 if content is None else 206
        head = f"HTTP/1.1 {status} \r\nContent-Length: {len(content or b'')}\r\n\r\n"
        self.wfile.write(head.encode() + (content or b""))

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._of_file("PutObject", 200)

    def do_DELETE(self) -> None:
        self._of_file("DeleteObject", 204)

    def _of_file(self, operation: str, status: int, content: bytes = b"") -> None:
        """Respond like S3 to a write, which changes nothing."""
        self.server.calls.append(AwsCall(operation, {"Key": self.path.removeprefix("/")}))
        head = f"HTTP/1.1 {status} \r\nContent-Length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("?delete"):
            self._of_file("DeleteObjects", 200, _ALL_DELETED)
            return
        # Scheduler has no such header: it names what is created in the path.
        target = self.headers["X-Amz-Target"] or _CREATED[self.path.split("/")[1]]
        operation = target.rpartition(".")[2]
        status, response = self.server.response(AwsCall(operation, json.loads(body)))
        content = json.dumps(response, separators=(",", ":")).encode()
        # DynamoDB sends these headers, and a client spends time on each of them.
        head = (
            f"HTTP/1.1 {status} \r\n"
            "Server: Server\r\n"
            f"Date: {formatdate(usegmt=True)}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(content)}\r\n"
            "Connection: keep-alive\r\n"
            "x-amzn-RequestId: 5IR8Q3TJ7M0B9AUVQ2P1G6VC3NVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
            f"x-amz-crc32: {zlib.crc32(content)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + content)
