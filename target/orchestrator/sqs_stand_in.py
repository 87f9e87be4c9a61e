"""What speaks the JSON of SQS, with its limits, on queues in memory: for runs and tests without any service of AWS.

It is no proof of how AWS, ElasticMQ or LocalStack behave: it is made after the same document as its client.
"""

import hashlib
import json
import math
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from target.orchestrator.memory_queue import MemoryQueue
from target.orchestrator.queue import QueueError

ENTRIES = 10
CALL_BYTES = 1 << 20
MESSAGE_BYTES = 1 << 18
ARN = "arn:aws:sqs:us-east-1:000000000000:"
ACCOUNT = "000000000000"


class Refusal(Exception):
    """An answer of 400: a code, and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class StandIn:
    """The operations that are needed."""

    def __init__(self) -> None:
        self.queues: dict[str, MemoryQueue] = {}
        """Each has its own, as each may have another dead-letter queue."""
        self.operations: Mapping[str, Callable[[Any], Awaitable[dict[str, Any]]]] = {
            "CreateQueue": self.create,
            "GetQueueUrl": self.url,
            "GetQueueAttributes": self.attributes,
            "SendMessageBatch": self.send,
            "ReceiveMessage": self.receive,
            "DeleteMessageBatch": self.delete,
            "PurgeQueue": self.purge,
        }

    async def answer(self, request: Request) -> Response:
        """POST /."""
        name = request.headers.get("x-amz-target", "").removeprefix("AmazonSQS.")
        body = await request.body()
        self.base = f"http://{request.headers['host']}"
        try:
            if name not in self.operations:
                raise Refusal("UnsupportedOperation", f"no operation {name!r} here")
            if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential="):
                raise Refusal("MissingAuthenticationToken", "expected a signed request")
            said = await self.operations[name](json.loads(body or b"{}"))
        except Refusal as refusal:
            said = {"__type": f"com.amazonaws.sqs#{refusal.code}", "message": refusal.message}
            return Response(msgspec.json.encode(said), 400, media_type="application/x-amz-json-1.0")
        return Response(msgspec.json.encode(said), media_type="application/x-amz-json-1.0")

    async def create(self, asked: Any) -> dict[str, Any]:
        """CreateQueue: with another queue for dead letters, perhaps."""
        name = asked["QueueName"]
        policy = json.loads((asked.get("Attributes") or {}).get("RedrivePolicy") or "{}")
        dead = str(policy.get("deadLetterTargetArn", "")).removeprefix(ARN)
        if name not in self.queues:
            queue = _Redriven(dead, int(policy.get("maxReceiveCount", 0)), most_bytes=MESSAGE_BYTES)
            queue.elsewhere = self.queues
            self.queues[name] = queue
        return await self.url(asked)

    async def url(self, asked: Any) -> dict[str, Any]:
        """GetQueueUrl."""
        if asked["QueueName"] not in self.queues:
            raise Refusal("QueueDoesNotExist", f"no queue {asked['QueueName']!r}")
        return {"QueueUrl": f"{self.base}/{ACCOUNT}/{asked['QueueName']}"}

    def _named(self, asked: Any) -> tuple[str, MemoryQueue]:
        name = str(asked.get("QueueUrl", "")).rpartition("/")[2]
        if name not in self.queues:
            raise Refusal("QueueDoesNotExist", f"no queue {name!r}")
        return name, self.queues[name]

    async def attributes(self, asked: Any) -> dict[str, Any]:
        """GetQueueAttributes."""
        name, queue = self._named(asked)
        depth = await queue.depth(name)
        known = {
            "QueueArn": f"{ARN}{name}",
            "ApproximateNumberOfMessages": str(depth.visible),
            "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
        }
        wanted = asked.get("AttributeNames") or []
        return {"Attributes": {key: value for key, value in known.items() if key in wanted or "All" in wanted}}

    def _entries(self, asked: Any) -> list[Any]:
        entries: list[Any] = asked.get("Entries") or []
        if not entries:
            raise Refusal("EmptyBatchRequest", "there are no entries")
        if len(entries) > ENTRIES:
            raise Refusal("TooManyEntriesInBatchRequest", f"{len(entries)} entries: at most {ENTRIES}")
        if len({one["Id"] for one in entries}) < len(entries):
            raise Refusal("BatchEntryIdsNotDistinct", "two entries have one id")
        return entries

    async def send(self, asked: Any) -> dict[str, Any]:
        """SendMessageBatch: an entry may fail by itself."""
        name, queue = self._named(asked)
        entries = self._entries(asked)
        bodies = [str(one.get("MessageBody", "")) for one in entries]
        if sum(len(body.encode()) for body in bodies) > CALL_BYTES:
            raise Refusal("BatchRequestTooLong", f"at most {CALL_BYTES} bytes")
        said: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for one, body, result in zip(entries, bodies, await queue.send(name, bodies), strict=True):
            if isinstance(result, QueueError) or not body:
                why = {"Code": "InvalidParameterValue", "Message": "empty, or too long", "SenderFault": True}
                said["Failed"].append({"Id": one["Id"], **why})
                continue
            md5 = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
            said["Successful"].append({"Id": one["Id"], "MessageId": str(uuid.uuid4()), "MD5OfMessageBody": md5})
        return said

    async def receive(self, asked: Any) -> dict[str, Any]:
        """ReceiveMessage."""
        name, queue = self._named(asked)
        most = asked.get("MaxNumberOfMessages", 1)
        if not 1 <= most <= ENTRIES:
            raise Refusal("InvalidParameterValue", f"MaxNumberOfMessages {most}: 1 to {ENTRIES}")
        visible = asked.get("VisibilityTimeout", 30)
        found = await queue.receive(name, most, asked.get("WaitTimeSeconds", 0), visible or math.ulp(1.0))
        messages = [
            {
                "MessageId": one.receipt.partition(":")[0],
                "ReceiptHandle": one.receipt,
                "MD5OfBody": hashlib.md5(one.body.encode(), usedforsecurity=False).hexdigest(),
                "Body": one.body,
                "Attributes": {
                    "ApproximateReceiveCount": str(one.attempt),
                    "SentTimestamp": str(int(one.sent.timestamp() * 1e3)),
                },
            }
            for one in found
        ]
        return {"Messages": messages} if messages else {}

    async def delete(self, asked: Any) -> dict[str, Any]:
        """DeleteMessageBatch."""
        name, queue = self._named(asked)
        entries = self._entries(asked)
        done = await queue.delete(name, [str(one["ReceiptHandle"]) for one in entries])
        pairs = list(zip(entries, done, strict=True))
        stale = {"Code": "ReceiptHandleIsInvalid", "Message": "not the last receipt", "SenderFault": True}
        return {
            "Successful": [{"Id": one["Id"]} for one, right in pairs if right],
            "Failed": [{"Id": one["Id"], **stale} for one, right in pairs if not right],
        }

    async def purge(self, asked: Any) -> dict[str, Any]:
        """PurgeQueue."""
        name, queue = self._named(asked)
        await queue.purge(name)
        return {}


class _Redriven(MemoryQueue):
    """A queue whose dead letters go, as they are, to another one of the same service."""

    elsewhere: Mapping[str, MemoryQueue]

    async def bury(self, queue: str, body: str, attempts: int) -> None:
        await self.elsewhere[self.dead_letters].send(self.dead_letters, [body])


def application() -> Starlette:
    """The stand-in as a server."""
    return Starlette(routes=[Route("/", StandIn().answer, methods=["POST"])])
