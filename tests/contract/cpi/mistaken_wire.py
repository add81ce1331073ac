"""Mistakes in responses, which no plugin of ours could make but an executable can."""

from __future__ import annotations

from typing import Any

from cpi.conformance.clients import InProcess
from cpi.contract import (
    Call,
    Info,
    InvalidCall,
    implements,
)
from tests.contract.cpi.mistakes import caught_by
from tests.contract.cpi.tiny_cloud import TinyCloud


@caught_by("info.formats")
class NoFormats(TinyCloud):
    @implements
    def info(self):
        return Info(())


@caught_by("info.version")
class Ancient(TinyCloud):
    @implements
    def info(self):
        return Info(("tiny-raw",), api_version=1)


class Wire(InProcess):
    def answer(self, call, arguments):
        return self.bend(call, super().answer(call, arguments))

    def bend(self, call: Call, response: Any) -> Any:
        raise NotImplementedError


@caught_by("disk.delete")
class LogIsNull(Wire):
    def bend(self, call, response):
        return {**response, "log": None} if call.method == "delete_disk" else response


@caught_by("vm.has")
class NoErrorKey(Wire):
    def bend(self, call, response):
        return {"result": True, "log": ""} if call.method == "has_vm" else response


@caught_by("vm.reboot.gone")
class ErrorIsText(Wire):
    def bend(self, call, response):
        return {**response, "error": "broken"} if response["error"] else response


@caught_by("vm.create.v2")
class OldResult(Wire):
    def bend(self, call, response):
        pair = call.method == "create_vm" and isinstance(response["result"], list)
        return {**response, "result": response["result"][0]} if pair else response


@caught_by("vm.create.v1")
class NewResult(Wire):
    def bend(self, call, response):
        alone = call.method == "create_vm" and isinstance(response["result"], str)
        return {**response, "result": [response["result"], {}]} if alone else response


@caught_by("disk.attach.v2")
class NoHint(Wire):
    def bend(self, call, response):
        return {**response, "result": None} if call.method == "attach_disk" and not response["error"] else response


@caught_by("disk.attach.v1")
class HintInVersionOne(Wire):
    def bend(self, call, response):
        old = call.method == "attach_disk" and call.api_version == 1
        return {**response, "result": "/dev/sdb"} if old and not response["error"] else response


@caught_by("answer.unknown-method")
class SaysYesToAnything(Wire):
    def bend(self, call, response):
        unknown = (response["error"] or {}).get("type") == "Bosh::Clouds::NotImplemented"
        return {"result": None, "error": None, "log": ""} if unknown else response


@caught_by("answer.arguments")
class GuessesArguments(Wire):
    def bend(self, call, response):
        odd = (response["error"] or {}).get("type") == InvalidCall.type_name
        return {"result": None, "error": None, "log": ""} if odd and call.method == "attach_disk" else response


@caught_by("vm.has")
class SaysYesInWords(Wire):
    def bend(self, call, response):
        return {**response, "result": "yes"} if call.method == "has_vm" else response


@caught_by("vm.create")
class EndlessCid(Wire):
    def bend(self, call, response):
        made = call.method == "create_vm" and isinstance(response["result"], list)
        return {**response, "result": [response["result"][0] + "x" * 300, {}]} if made else response


@caught_by("disk.update")
class UpdatesToTrue(Wire):
    def bend(self, call, response):
        return {**response, "result": True} if call.method == "update_disk" and not response["error"] else response
