# SPDX-License-Identifier: Apache-2.0
"""How LibreChat's generations say who they are, and whose files are whose."""
import base64
import json

import pytest
from broker import Broker
from librechat import LibreChat
from test_cli import run
from test_jwt import ED, keys, token  # noqa: F401 - a fixture

EXEC = {"lang": "py", "code": "print(1)"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    with Broker() as broker:
        broker.keys = {tenant: run("keys", "add", tenant, "--tenant", tenant, state=broker.state, check=0).stdout.strip()
                       for tenant in ("blue", "red")}
        broker.headers = {"X-API-Key": broker.keys["blue"]}
        yield broker


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_every_way_to_send_a_key(keyed):
    key = keyed.keys["blue"]
    ways = [{"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, basic(key), basic(f"{key}:"), basic(f"{key}:pw")]
    ref = LibreChat(keyed.client(headers=ways[0])).upload("a.txt", b"a")
    for way in ways:
        chat = LibreChat(keyed.client(headers=way))
        assert chat.ok("print(open('a.txt').read())", files=[ref])["stdout"] == "a\n"
        assert chat.download(ref).status == 200
    nobody = keyed.client(headers={})
    for name in ("LIBRECHAT_CODE_API_KEY", "apiKey"):
        for base in ("", "/v1", "/run"):
            told = nobody.request("POST", f"{base}/exec", {**EXEC, name: key})
            assert told.status == 200 and told.json["stdout"] == "1\n", told
    large = nobody.request("POST", "/v1/exec", {"apiKey": key, "lang": "py", "code": "#" + "x" * 3_000_000 + "\nprint(2)"})
    assert large.json["stdout"] == "2\n"


def test_no_way_without_one(keyed):
    nobody = keyed.client(headers={})
    for method, path, body in (("POST", "/v1/exec", EXEC), ("POST", "/exec", {**EXEC, "apiKey": "wrong"}),
                               ("POST", "/v1/exec", {**EXEC, "apiKey": 1}), ("POST", "/v1/exec/programmatic", {"code": "1"}),
                               ("POST", "/v1/upload", None), ("GET", f"/v1/files/{'x' * 21}", None),
                               ("GET", f"/v1/download/{'x' * 21}/{'y' * 21}", None),
                               ("DELETE", f"/v1/sessions/{'x' * 21}/objects/{'y' * 21}", None)):
        told = nobody.request(method, path, body)
        assert told.status == 401 and told.json["error"] and told.headers["WWW-Authenticate"], (path, told)
    assert nobody.request("POST", "/v1/exec", b"x" * (9 << 20), {"Content-Type": "application/json"}).status == 413
    # A key in a body opens nothing else, and never beside a credential in a header.
    assert nobody.request("POST", "/run", {"code": "1", "apiKey": keyed.keys["blue"]}).status == 401
    assert nobody.request("POST", "/v1/exec", {**EXEC, "apiKey": keyed.keys["blue"]}, {"X-API-Key": "wrong"}).status == 401
    assert nobody.request("GET", "/v1/health").status == 200


def test_tenants_never_see_each_others_files(keyed):
    blue, red = (LibreChat(keyed.client(headers={"X-API-Key": keyed.keys[tenant]})) for tenant in ("blue", "red"))
    ref = blue.upload("secret.txt", b"blue's")
    hint = "v2:user:" + "0" * 32
    blue.ok("x = 1", runtime_session_hint=hint)
    told = red.ok("import os; print(os.listdir(), 'x' in dir())", files=[ref], runtime_session_hint=hint)
    assert told["stdout"] == "[] False\n" and "secret.txt is not available" in told["stderr"]
    assert red.download(ref).status == red.object(ref).status == red.object(ref, "DELETE").status == 404
    assert red.client.request("GET", f"/v1/files/{ref['storage_session_id']}").status == 404
    assert blue.download(ref).body == b"blue's"


def test_files_of_agents_are_their_organisations(keys):  # noqa: F811
    with Broker(jwt_key_files=keys) as broker:
        broker.headers = {"Authorization": f"Bearer {token(ED, 'alice')}"}

        def user(name, organisation="legacy"):
            return LibreChat(broker.client(headers={"Authorization": f"Bearer {token(ED, name, tenant_id=organisation)}"}))
        own = user("alice").upload("own.txt", b"alice's")
        agents = user("alice").upload("agent.txt", b"the agent's", kind="agent")
        told = user("bob").ok("import os; print(os.listdir())", files=[own, agents])
        assert told["stdout"] == "['agent.txt']\n" and "own.txt is not available" in told["stderr"]
        assert user("bob").download(agents).body == b"the agent's" and user("bob").object(agents).status == 200
        assert user("bob").download(own).status == 404
        assert user("bob", "another").download(agents).status == 404
        changed = user("bob").ok("open('agent.txt', 'a').write('!')", files=[agents])["files"][0]
        assert user("bob").download(changed).body == b"the agent's!" and user("alice").download(changed).status == 404
        refused = broker.client(headers={"Authorization": "Bearer a.b.c"}).request("POST", "/v1/exec", EXEC)
        assert refused.status == 401 and refused.json["error"]
        assert json.loads(refused.body)["code"] == "invalid_token"
