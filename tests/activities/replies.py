"""What AWS answers, by operation: the real activity and AWS's own client run, without network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
from botocore.loaders import create_loader
from botocore.session import Session

from activities.aws import Aws

# It reads AWS's description of each service once for all tests: that of EC2 takes half a second.
_LOADER = create_loader()


class Replies:
    """`asked`: each operation with its parameters, in order. The default answer is empty."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        core = Session()
        core.register_component("data_loader", _LOADER)
        session = boto3.Session(
            aws_access_key_id="id", aws_secret_access_key="key", botocore_session=core
        )
        session.events.register("before-parameter-build", self._note)
        # botocore takes an answer from such a handler; its type stubs do not know.
        answer: Any = self._answer
        session.events.register("before-call", answer)
        self.aws = Aws(session)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append((model.name, dict(params)))

    def _answer(self, model: Any, **_: Any) -> tuple[Any, Any]:
        return SimpleNamespace(status_code=200), self._answers.get(model.name, {})
