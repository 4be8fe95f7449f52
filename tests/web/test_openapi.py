"""The OpenAPI document: valid, made of the routes that are served, with examples that work, and true of the answers."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from markupsafe import escape
from yarl import URL

from gateway.web.problems import KINDS
from tests.web.conftest import World, key_of


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    """The document as served."""
    told: dict[str, Any] = await world.json("GET", "/openapi.json", role=None)
    return told


async def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(document).validate()
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object", name


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for target in re.findall(r'"\$ref":\s*"(#[^"]+)"', json.dumps(document)):
        place: Any = document
        for step in target[2:].split("/"):
            place = place[step.replace("~1", "/")]
        assert place


async def test_it_says_what_is_served(world: World, document: dict[str, Any]) -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in world.server.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    said = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert served - said == {("GET", "/"), ("GET", "/pages/{name}"), ("GET", "/favicon.ico")}
    assert said <= served


async def test_every_problem_has_a_page(world: World) -> None:
    for name, kind in KINDS.items():
        response = await world.ask("GET", f"/problems/{name}", role=None)
        page = await response.text()
        assert response.status == 200
        assert escape(kind.title) in page
    told = await world.json("GET", "/problems/not-json", role=None, headers={"Accept": "application/json"})
    assert told["status"] == 400
    await world.json("GET", "/problems/nothing", role=None, status=404)


async def test_every_example_works(world: World, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                body = json.dumps(content["example"]).encode()
                target = path.replace("{id}", "1").replace("{name}", "refund")
                response = await world.ask(method.upper(), target, body, headers={"Content-Type": kind})
                told = await response.json(content_type=None)
                # Nothing has the id 1; what the example says is right all the same.
                assert response.status in (200, 201, 202) or told["type"].endswith("not-found"), (path, kind, told)
    await world.settled()


async def test_the_schema_of_an_event_is_the_handlers(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["Event-plan.overage"]
    assert set(schema["properties"]["data"]["properties"]) == {"plan", "minutes_over", "charge", "currency"}
    assert "Event-welcome" not in document["components"]["schemas"]
    assert {"Event-flight.delayed", "Event-appointment.due"} <= set(document["components"]["schemas"])


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of the guarded calls."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    ]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_whatever_comes_is_answered_as_the_document_says(
    world: World, document: dict[str, Any], mode: schemathesis.GenerationMode
) -> None:
    """Played by schemathesis' own generators on every guarded call: no 5xx, every answer in the document."""
    api = schemathesis.openapi.from_dict(document)
    for result in api.get_all_operations():
        operation: Any = result
        operation = operation.ok()
        cases: list[Any] = []
        made = operation.as_strategy(generation_mode=mode)
        calm = settings(
            max_examples=5,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        with suppress(Unsatisfiable):  # a call without parameters cannot be called wrongly
            decorate: Any = given(made)
            run: Any = calm(seed(20261122)(decorate(collector(cases))))
            run()
        for case in cases:
            await play(world, document, case)
    await world.settled()


def collector(into: list[Any]) -> Callable[[Any], None]:
    """A test for hypothesis that keeps what is made."""

    def collect(case: Any) -> None:
        into.append(case)

    return collect


async def play(world: World, document: dict[str, Any], case: Any) -> None:
    """Sends one generated case and checks the answer against the document."""
    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", quote(str(value).encode("utf-8", "surrogatepass"), safe=""))
    query = {name: str(value) for name, value in (case.query or {}).items()} if isinstance(case.query, dict) else {}
    headers = {name: str(value) for name, value in (case.headers or {}).items() if str(value).isprintable()}
    headers = {name: value for name, value in headers.items() if value.isascii() and value.strip() == value}
    headers["Authorization"] = f"Bearer {key_of('admin')}"
    body = None
    if case.media_type is not None and not isinstance(case.body, schemathesis.core.NotSet):
        headers["Content-Type"] = case.media_type
        body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    target = URL(f"{path}?{urlencode(query, errors='surrogatepass')}", encoded=True)
    response = await world.client.request(
        case.operation.method.upper(), target, data=body, headers=headers, allow_redirects=False
    )
    text = await response.text()
    label = f"{case.method} {path}: {response.status} {text[:300]}"
    assert response.status < 500 or response.status == 507, label
    if response.status in (308, 404):
        return
    if response.status >= 400:
        assert response.headers["Content-Type"] == "application/problem+json", label
    said = document["paths"][case.operation.path][case.operation.method.lower()]["responses"]
    assert str(response.status) in said, label
    answered = said[str(response.status)]
    if "$ref" in answered:
        answered = document["components"]["responses"][answered["$ref"].rpartition("/")[2]]
    kind = response.headers["Content-Type"].partition(";")[0]
    assert kind in answered["content"], label
    schema = answered["content"][kind].get("schema")
    if schema is not None:
        jsonschema.validate(json.loads(text), {**schema, "components": document["components"]})
