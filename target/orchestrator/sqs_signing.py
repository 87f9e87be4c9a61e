"""Requests to AWS are signed: Signature Version 4, of a POST to / with a JSON body."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "sqs"


@dataclass(frozen=True)
class Credentials:
    """Who asks, and in which region."""

    key: str
    secret: str
    region: str
    token: str = ""


def signed(
    credentials: Credentials, host: str, target: str, body: bytes, now: datetime | None = None
) -> dict[str, str]:
    """The headers of a request for the operation `target` with this body."""
    at = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": at,
        **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        "x-amz-target": f"AmazonSQS.{target}",
    }
    scope = f"{at[:8]}/{credentials.region}/{SERVICE}/aws4_request"
    names = ";".join(headers)
    request = "\n".join(["POST", "/", "", *_lines(headers), "", names, hashlib.sha256(body).hexdigest()])
    to_sign = "\n".join([ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = signing_key(credentials.secret, at[:8], credentials.region, SERVICE)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"{ALGORITHM} Credential={credentials.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": authorization}


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of a day, a region and a service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in headers.items()]
