"""Makes all AWS clients, and translates AWS's errors into ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from domain.errors import AwsRefused, NotReady, TransientError

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elb import ElasticLoadBalancingClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

P = ParamSpec("P")
R = TypeVar("R")

# Temporal retries durably, so botocore tries once. An abort waits for the call in flight, for at
# most the read timeout. "adaptive" is botocore's client-side limiter: once AWS throttles a client,
# all activities of the worker share a rate that falls with each throttled call and grows again.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html#adaptive-retry-mode
CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    max_pool_connections=64,
    retries={"mode": "adaptive", "total_max_attempts": 1},
    s3={"addressing_style": "path"},
    signature_version="v4",
)

# The transient error codes. Every other 4xx code is terminal.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
TRANSIENT_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
        "PriorRequestNotComplete",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "Unavailable",
        "RequestTimeout",
        "RequestExpired",
        "ExpiredToken",
        "ExpiredTokenException",
        "ResourceContention",
        "ResourceContentionFault",
        "ScalingActivityInProgress",
        "ScalingActivityInProgressFault",
        "InsufficientInstanceCapacity",
        # One volume has too many snapshots in progress. SnapshotLimitExceeded is terminal.
        "SnapshotCreationPerVolumeRateExceeded",
        "ConcurrentSnapshotLimitExceeded",
        # Eventual consistency: AWS may not find a new resource yet.
        "InvalidInstanceID.NotFound",
        "InvalidGroup.NotFound",
        "InvalidAMIID.NotFound",
    }
)
# Transient errors whose code is ValidationError or InvalidParameterValue: only the text differs.
TRANSIENT_MESSAGES = ("Invalid IAM Instance Profile name",)


# Values of a filter of EC2's calls:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
MOST_FILTERED = 200
# How the methods begin that change nothing.
READS = ("describe_", "get_", "head_", "list_")


class _Client:
    """
    A client for what reads and one for what changes: AWS throttles the two families apart.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._reading, self._changing = make(), make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reading if name.startswith(READS) else self._changing, name)


class Aws:
    """Clients, made once for each service and region, and shared by all threads."""

    def __init__(self, session: boto3.Session | None = None) -> None:
        self._session = session or boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def ec2(self, region: str) -> EC2Client:
        return self._client("ec2", region)  # type: ignore[no-any-return]

    def autoscaling(self, region: str) -> AutoScalingClient:
        return self._client("autoscaling", region)  # type: ignore[no-any-return]

    def elbv2(self, region: str) -> ElasticLoadBalancingv2Client:
        return self._client("elbv2", region)  # type: ignore[no-any-return]

    def elb(self, region: str) -> ElasticLoadBalancingClient:
        return self._client("elb", region)  # type: ignore[no-any-return]

    def ssm(self, region: str) -> SSMClient:
        return self._client("ssm", region)  # type: ignore[no-any-return]

    def s3(self, region: str) -> S3Client:
        return self._client("s3", region)  # type: ignore[no-any-return]

    def secretsmanager(self, region: str) -> SecretsManagerClient:
        return self._client("secretsmanager", region)  # type: ignore[no-any-return]

    def sts(self, region: str) -> STSClient:
        return self._client("sts", region)  # type: ignore[no-any-return]

    def cloudwatch(self, region: str) -> CloudWatchClient:
        return self._client("cloudwatch", region)  # type: ignore[no-any-return]

    def kms(self, region: str) -> KMSClient:
        return self._client("kms", region)  # type: ignore[no-any-return]

    def service_quotas(self, region: str) -> ServiceQuotasClient:
        return self._client("service-quotas", region)  # type: ignore[no-any-return]

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                make: Any = self._session.client
                self._clients[service, region] = _Client(
                    lambda: make(service, region_name=region, config=CONFIG)
                )
            return self._clients[service, region]


def code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def sentence(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Message", "") or str(error)


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """
    Turns AWS's errors into TransientError, which is retried, and AwsRefused, which is terminal.

    An activity that expects an error catches it itself, by its code.
    """

    @wraps(function)
    def translating(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ClientError as error:
            raise translate(error) from None
        except NoCredentialsError:
            raise AwsRefused(
                "the worker has no AWS credentials: give it an instance profile or AWS_PROFILE"
            ) from None
        except ParamValidationError as error:
            raise AwsRefused(f"the call is invalid and was not sent to AWS: {error}") from None
        except BotoCoreError as error:
            raise TransientError(f"AWS did not answer: {error}") from None

    return translating


def translate(error: ClientError) -> TransientError | AwsRefused:
    words = f"{error.operation_name}: {code(error)}: {sentence(error)}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if (
        status >= 500
        or code(error) in TRANSIENT_CODES
        or any(known in sentence(error) for known in TRANSIENT_MESSAGES)
    ):
        return TransientError(f"AWS will be asked again: {words}")
    return AwsRefused(f"AWS refused {words}")


def nothing_there(what: str, visible_by: datetime | None) -> None:
    """
    Returns once AWS surely shows what was made before. Raises NotReady until `visible_by`.

    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    if visible_by and datetime.now(UTC) < visible_by:
        raise NotReady(f"AWS does not show {what}, and may not show yet what it made a moment ago")


def chunks(items: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """Lists of at most `most` items, for calls that take no more."""
    return (list(items[at : at + most]) for at in range(0, len(items), most))


def tag_list(tags: dict[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_dict(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}
