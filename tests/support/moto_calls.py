"""Call moto without what lies between a client of botocore and moto's DynamoDB or SQS.

DynamoDB's calls on rows, which are almost all calls, go to the method of moto that implements them.
Their parameters and results are copied, and not written as JSON and read again, twice. Other calls
are requests whose bodies are those that would be sent, without HTTP around them: no signatures, no
headers, no search for a service by its URL. Those of some other services go to moto by their URL,
but without signatures, checksums and attempts.
"""

import copy
import marshal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from botocore import handlers
from botocore.awsrequest import AWSResponse, HeadersDict, create_request_object
from botocore.client import BaseClient
from botocore.parsers import ResponseParserFactory
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.parse import JSONParser
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.responses import SQSResponse
from werkzeug.exceptions import HTTPException

REQUEST_ID = "0" * 52
# Operations on rows → the members of their results that moto fills in and DynamoDB returns.
_ROWS = {
    "BatchGetItem": ("Responses", "UnprocessedKeys", "ConsumedCapacity"),
    "BatchWriteItem": ("UnprocessedItems", "ItemCollectionMetrics", "ConsumedCapacity"),
    "DeleteItem": ("Attributes", "ConsumedCapacity"),
    "GetItem": ("Item", "ConsumedCapacity"),
    "PutItem": ("Attributes", "ConsumedCapacity"),
    "Query": ("Items", "Count", "ScannedCount", "LastEvaluatedKey", "ConsumedCapacity"),
    "Scan": ("Items", "Count", "ScannedCount", "LastEvaluatedKey", "ConsumedCapacity"),
    "TransactGetItems": ("Responses", "ConsumedCapacity"),
    "TransactWriteItems": ("ItemCollectionMetrics", "ConsumedCapacity"),
    "UpdateItem": ("Attributes", "ConsumedCapacity"),
}


_OPERATIONS = {name: (camelcase_to_underscores(name), found) for name, found in _ROWS.items()}
_REQUEST = {"method": "POST", "values": {}, "url_path": "/", "url_params": {}}
own_api_call: Any = vars(BaseClient)["_make_api_call"]
_call_dynamodb: Any = vars(DynamoHandler)["call_action"].__wrapped__
_parser: Any = cache(ResponseParserFactory().create_parser)
# The clients that send requests over HTTP.
_over_http: set[int] = set()
_calls = 0
# What each command reads, and the results, which are the same until there is a call that writes.
_READ_OFTEN = {"cloudformation": "DescribeStacks", "sts": "GetCallerIdentity"}
read: dict[str, Any] = {}


def made() -> int:
    """Return how many calls this process has made."""
    return _calls


def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Return the result of a call, and make it without requests if it is one on rows in moto."""
    global _calls
    _calls += 1
    model = client.meta.service_model
    rows = operation in _OPERATIONS and model.service_name == "dynamodb"
    if not botocore_stubber.enabled or id(client) in _over_http:
        return own_api_call(client, operation, parameters)
    if not rows:
        return _read(client, operation, parameters)
    try:
        # Version 2 makes each copy its own, even if the caller passes one object twice.
        body = marshal.loads(marshal.dumps(parameters, 2))
    except ValueError:  # subclasses of Python's types, which botocore reads like these
        return own_api_call(client, operation, parameters)
    handler = _handler(DynamoHandler(), "https://dynamodb.us-east-1.amazonaws.com/")
    handler.headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    handler.body = handler.params = body
    name, members = _OPERATIONS[operation]
    try:
        result = getattr(handler, name)().result
    except (HTTPException, ServiceException) as error:
        # Raised where moto turns it into a response.
        setattr(handler, name, partial(_raise, error))
        status, headers, body = _call_dynamodb(handler)
        parsed = _parsed(model.operation_model(operation), status, headers, body.encode())
        raise client.exceptions.from_code(parsed["Error"]["Code"])(parsed, operation) from None
    return _returned(handler, result, members)


def _read(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Return the result of a call that is not on rows."""
    service = client.meta.service_model.service_name
    if _READ_OFTEN.get(service) != operation:
        if service in _READ_OFTEN and not operation.startswith(("Describe", "List", "Get")):
            read.clear()
        return own_api_call(client, operation, parameters)
    credentials = client._request_signer._credentials
    if credentials is None:
        return own_api_call(client, operation, parameters)
    key = repr((service, client.meta.endpoint_url, credentials.access_key, parameters))
    if key not in read:
        read[key] = own_api_call(client, operation, parameters)
    return copy.deepcopy(read[key])


def _returned(handler: Any, result: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    metadata = {"RequestId": REQUEST_ID, "HTTPStatusCode": 200, "HTTPHeaders": {}}
    kept = {name: result[name] for name in members if result.get(name) is not None}
    return kept | {"ResponseMetadata": metadata}


def _raise(error: BaseException) -> None:
    raise error


def call(model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
    """Pass a request to moto, and return its response and what botocore reads in it.

    None outside moto.
    """
    if not botocore_stubber.enabled:
        return None
    dynamodb = model.service_model.service_name == "dynamodb"
    handler = _handler(DynamoHandler() if dynamodb else SQSResponse(), params["url"])
    handler.headers = params["headers"]
    request: Any = {**_REQUEST, "headers": handler.headers, "body": params["body"]}
    handler.params = JSONParser(model, map_type=handler.PROTOCOL_PARSER_MAP_TYPE).parse(request)
    status, headers, body = _call_dynamodb(handler) if dynamodb else handler.call_action()
    return _response(model, params["url"], status, headers, body.encode())


def send(
    model: Any, params: dict[str, Any], request_signer: Any, **_: Any
) -> tuple[AWSResponse, dict[str, Any]] | None:
    """Pass a request to moto by its URL, and return its response and what botocore reads in it.

    None outside moto, and without credentials.
    """
    if not botocore_stubber.enabled or request_signer._credentials is None:
        return None
    named = {name: value.encode() for name, value in params["headers"].items()}
    request = create_request_object({**params, "headers": named})
    found = botocore_stubber.process_request(request.prepare())
    if found is None:
        return None
    status, headers, body = found
    content = body if isinstance(body, bytes) else body.encode()
    return _response(model, params["url"], status, headers, content)


def _response(
    model: Any, url: str, status: int, headers: Any, content: bytes
) -> tuple[AWSResponse, dict[str, Any]]:
    # As botocore makes one: its stubs want the headers of another library.
    response: Any = AWSResponse(url, status, HeadersDict(headers), None)  # type: ignore[arg-type]
    response._content = content
    return response, _parsed(model, status, response.headers, content)


def _handler(handler: Any, url: str) -> Any:
    """Return moto's handler with what it would take from a request, except body and headers."""
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.region = handler.default_region
    handler.uri, handler.path = url, urlsplit(url).path
    handler.querystring, handler.response_headers, handler.uri_match = {}, {}, {}
    return handler


def _parsed(model: Any, status: int, headers: Any, content: bytes) -> dict[str, Any]:
    """Return what botocore reads in a response."""
    received = {"headers": headers, "body": content, "status_code": status}
    parser = _parser(model.service_model.resolved_protocol)
    parsed: dict[str, Any] = parser.parse(received, model.output_shape)
    if status >= 300:
        # An error's own members, such as CancellationReasons.
        shape = model.service_model.shape_for_error_code(parsed["Error"]["Code"])
        parsed.update(parser.parse(received, shape) if shape else {})
    return parsed


# As moto adds its own. Clients that exist already do not have these.
_DIRECTLY = [
    *((f"before-call.{service}", call) for service in ("dynamodb", "sqs")),
    *(
        (f"before-call.{service}", send)
        for service in (
            *("api-gateway", "cloudformation", "cloudwatch-logs", "eventbridge", "scheduler"),
            *("sesv2", "ssm"),
        )
    ),
]
handlers.BUILTIN_HANDLERS.extend(_DIRECTLY)


@contextmanager
def over_http(client: Any) -> Iterator[None]:
    """Send what this client calls as requests, for tests of what botocore does with requests."""
    for directly in _DIRECTLY:
        client.meta.events.unregister(*directly)
    _over_http.add(id(client))
    try:
        yield
    finally:
        _over_http.discard(id(client))
        for directly in _DIRECTLY:
            client.meta.events.register(*directly)
