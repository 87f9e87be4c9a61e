"""Queues of SQS, or of what speaks like it: ten entries a call, each of which may fail by itself."""

import asyncio
import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from target.orchestrator.queue import RECEIVES, Depth, QueueError, Received
from target.orchestrator.sqs_http import SqsHttp

ENRECEIVES = 10
CALL_BYTES = 1 << 20
LONGEST_POLL_S = 20
POLL_S = 0.1
COUNT, SENT = "ApproximateReceiveCount", "SentTimestamp"
"""The attributes of a message that are asked for."""


class SqsQueue:
    """All queues of an account."""

    transactional = False

    def __init__(self, http: SqsHttp, dead_letters: str = "", tries: int = RECEIVES, most_bytes: int = 1 << 18) -> None:
        """`dead_letters`: the queue for what was received `tries` times; "": there is none."""
        self.http, self.dead_letters, self.tries, self.most_bytes = http, dead_letters, tries, most_bytes
        self._urls: dict[str, str] = {}

    async def _url(self, queue: str) -> str:
        if queue not in self._urls:
            attributes = {}
            if self.dead_letters and queue != self.dead_letters:
                dead = await self._url(self.dead_letters)
                said = await self.http.call("GetQueueAttributes", QueueUrl=dead, AttributeNames=["QueueArn"])
                policy = {"deadLetterTargetArn": said["Attributes"]["QueueArn"], "maxReceiveCount": str(self.tries)}
                attributes = {"RedrivePolicy": json.dumps(policy)}
            made = await self.http.call("CreateQueue", QueueName=queue, Attributes=attributes)
            self._urls[queue] = made["QueueUrl"]
        return self._urls[queue]

    async def send(self, queue: str, bodies: Sequence[str], within: Any = None) -> list[str | QueueError]:
        """Put messages there, ten a call; an entry that the service refuses is an error of its own."""
        url = await self._url(queue)
        said: list[str | QueueError] = [QueueError(f"longer than {self.most_bytes} bytes")] * len(bodies)
        short = [place for place, body in enumerate(bodies) if len(body.encode()) <= self.most_bytes]
        calls = [self.put(url, {str(place): bodies[place] for place in chunk}) for chunk in _chunks(short, bodies)]
        for answer in await asyncio.gather(*calls):
            for place, result in answer.items():
                said[int(place)] = result
        return said

    async def put(self, url: str, bodies: dict[str, str]) -> dict[str, str | QueueError]:
        """One call: of each entry its id, or why it failed. An answer without it is a failure."""
        entries = [{"Id": place, "MessageBody": body} for place, body in bodies.items()]
        answer = await self.http.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        found: dict[str, str | QueueError] = dict.fromkeys(bodies, QueueError("not in the answer"))
        found |= {one["Id"]: one["MessageId"] for one in answer.get("Successful", [])}
        return found | {one["Id"]: _error(one) for one in answer.get("Failed", [])}

    async def receive(self, queue: str, most: int, wait_s: float, visible_s: float) -> list[Received]:
        """Up to `most` messages, ten a call, until a call gives fewer."""
        until = time.monotonic() + wait_s
        while not (found := await self._take(queue, most, visible_s, until)) and time.monotonic() < until:
            await asyncio.sleep(min(POLL_S, max(until - time.monotonic(), 0)))
        return found

    async def _take(self, queue: str, most: int, visible_s: float, until: float) -> list[Received]:
        url, found = await self._url(queue), list[Received]()
        while len(found) < most:
            wait = 0 if found else min(int(max(until - time.monotonic(), 0)), LONGEST_POLL_S)
            asked = min(ENRECEIVES, most - len(found))
            answer = await self.http.call(
                "ReceiveMessage",
                QueueUrl=url,
                MaxNumberOfMessages=asked,
                WaitTimeSeconds=wait,
                VisibilityTimeout=math.ceil(visible_s),
                AttributeNames=[COUNT, SENT],
            )
            messages = answer.get("Messages") or []
            found += [
                Received(
                    one["Body"],
                    one["ReceiptHandle"],
                    int(one["Attributes"][COUNT]),
                    datetime.fromtimestamp(int(one["Attributes"][SENT]) / 1e3, UTC),
                )
                for one in messages
            ]
            if len(messages) < asked:
                break
        return found

    async def delete(self, queue: str, receipts: Sequence[str], within: Any = None) -> list[bool]:
        """Their messages are done with, ten a call."""
        url = await self._url(queue)
        said = [False] * len(receipts)
        chunks = [receipts[at : at + ENRECEIVES] for at in range(0, len(receipts), ENRECEIVES)]
        for place, chunk in enumerate(chunks):
            entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(chunk)]
            answer = await self.http.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
            for one in answer.get("Successful", []):
                said[place * ENRECEIVES + int(one["Id"])] = True
        return said

    async def depth(self, queue: str) -> Depth:
        """About how full it is: SQS tells no exact numbers, and no age."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = await self._url(queue)
        said = (await self.http.call("GetQueueAttributes", QueueUrl=url, AttributeNames=names))["Attributes"]
        return Depth(int(said[names[0]]), int(said[names[1]]), 0.0, False)

    async def purge(self, queue: str) -> None:
        """Delete all of its messages."""
        await self.http.call("PurgeQueue", QueueUrl=await self._url(queue))

    async def close(self) -> None:
        """Close its connections."""
        await self.http.close()


def _error(entry: dict[str, Any]) -> QueueError:
    return QueueError(f"{entry.get('Code', '')}: {entry.get('Message', '')}")


def _chunks(places: Iterable[int], bodies: Sequence[str]) -> Iterator[list[int]]:
    """Up to ten at a time, of no more bytes than a call may have."""
    chunk, size = list[int](), 0
    for place in places:
        length = len(bodies[place].encode())
        if len(chunk) == ENRECEIVES or (chunk and size + length > CALL_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(place)
        size += length
    if chunk:
        yield chunk
