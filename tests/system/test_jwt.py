# SPDX-License-Identifier: Apache-2.0
"""Tokens as LibreChat signs them, made by another implementation (PyJWT), against a real broker."""
import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from broker import Broker, until
from test_cli import run

KID = "lc-codeapi-2026-05"


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key, kid):
    def text(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": text(raw), "kid": kid, "use": "sig", "alg": "EdDSA"}
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": text(numbers.n.to_bytes(numbers.n.bit_length() // 8, "big")),
            "e": text(numbers.e.to_bytes(3, "big")), "kid": kid}


def token(key, user, kid=KID, algorithm=None, **claims):
    """What LibreChat sends for this user; a claim that is None is left out."""
    now = int(time.time())
    payload = {"iss": "librechat", "aud": "codeapi", "sub": user, "iat": now, "nbf": now, "exp": now + 300,
               "jti": "3f1c", "tenant_id": "legacy", "role": "USER", "principal_source": "librechat_jwt"}
    payload = {name: value for name, value in {**payload, **claims}.items() if value is not None}
    algorithm = algorithm or ("EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else "RS256")
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid})


ED = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "librechat.json"
    file.write_text(json.dumps({"keys": [jwk(ED, KID), jwk(RSA, "rsa")]}))
    return file


@pytest.fixture(scope="module")
def served(keys):
    broker = Broker(jwt_key_files=keys)
    broker.headers = {"Authorization": f"Bearer {token(ED, 'alice')}"}
    with broker:
        yield broker


def call(broker, method="GET", path="/v1/sessions", body=None, **headers):
    client = broker.client(headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        return client.request(method, path, body)
    finally:
        client.close()


def bearer(broker, text, **more):
    return call(broker, Authorization=f"Bearer {text}", **more)


def test_two_users_of_one_tenant_id_do_not_meet(served):
    alice, bob = (served.client(headers={"Authorization": f"Bearer {token(ED, user)}"})
                  for user in ("alice", "bob"))
    try:
        alice.ok("secret = 'of alice'; open('note.txt', 'w').write(secret)", "shared-name")
        assert "secret" not in bob.ok("print(dir())", "shared-name")["stdout"]
        assert bob.request("GET", "/download/shared-name/note.txt").status == 404
        assert alice.request("GET", "/download/shared-name/note.txt").body == b"of alice"
        for user in (alice, bob):
            assert [one["id"] for one in user.request("GET", "/v1/sessions").json["sessions"]] == ["shared-name"]
        assert bob.request("DELETE", "/v1/sessions/shared-name").status == 204
        # A later token of the same user, by another key and of another algorithm, finds the same sessions.
        later = served.client(headers={"Authorization": f"Bearer {token(RSA, 'alice', 'rsa')}"})
        assert later.ok("print(secret)", "shared-name")["stdout"] == "of alice\n"
        assert later.request("DELETE", "/v1/sessions/shared-name").status == 204
        later.close()
    finally:
        alice.close()
        bob.close()


@pytest.mark.parametrize("claims, why", [
    ({"exp": 1}, "it has expired (exp)"),
    ({"exp": None}, "exp is missing"),
    ({"nbf": 32503680000}, "nbf lies in the future"),
    ({"iat": 1}, "its life time (exp - iat)"),
    ({"iss": "other"}, "iss is not librechat"),
    ({"aud": ["other"]}, "aud is not codeapi"),
    ({"sub": None}, "sub is missing"),
])
def test_a_token_with_a_wrong_claim_is_401_and_told_which(served, claims, why):
    text = token(ED, "alice", **claims)
    answer = bearer(served, text)
    assert answer.status == 401 and answer.json["code"] == "invalid_token" and why in answer.json["detail"], answer
    assert answer.headers.get_all("WWW-Authenticate") == ['Bearer realm="kernel-broker", error="invalid_token"']
    assert text[:20].encode() not in answer.body


def test_a_token_that_another_implementation_would_be_fooled_with_is_401(served):
    stranger = ed25519.Ed25519PrivateKey.generate()
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": KID}).encode()).rstrip(b"=").decode()
    unsigned = f"{header}.{token(ED, 'alice').split('.')[1]}."
    for text in (token(stranger, "alice"), token(ED, "alice", kid="rsa"), token(ED, "alice", kid="none"),
                 token("secret", "alice", algorithm="HS256"), token(RSA, "alice", "rsa", "RS512"),
                 token(RSA, "alice", "rsa", "PS256"), unsigned, token(ED, "alice")[:-2], "a.b.c"):
        answer = bearer(served, text)
        assert answer.status == 401 and answer.json["code"] == "invalid_token", answer
    assert bearer(served, token(ED, "alice", aud=["x", "codeapi"], tenant_id=None)).status == 200


def test_where_tokens_are_taken_nobody_comes_without_and_keys_still_work(served):
    assert call(served).status == 401
    assert call(served, path="/healthz").status == 200
    key = run("keys", "add", "alice", state=served.state, check=0).stdout.strip()
    basic = base64.b64encode(key.encode()).decode()
    for headers in ({"X_API_Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"Basic {basic}"},
                    {"X_API_Key": key, "Authorization": f"Basic {basic}"}):
        assert call(served, **headers).status == 200, headers
    both = bearer(served, token(ED, "alice"), X_API_Key=key)
    assert both.status == 401 and "one tenant" in both.json["detail"]
    done = run("keys", "add", "mallory", "--tenant", "jwt:0", state=served.state, check=1)
    assert "users with a token" in done.stderr


def test_nothing_of_a_token_is_logged(keys):
    broker = Broker(jwt_key_files=keys, log_level="debug")
    good, bad = token(ED, "alice"), token(ED, "alice", exp=1)
    broker.headers = {"Authorization": f"Bearer {good}"}
    with broker:
        assert bearer(broker, good).status == 200
        assert bearer(broker, bad).status == 401
        until(lambda: {record.get("status") for record in broker.log} >= {200, 401}, lambda: broker.log[-5:])
    lines = json.dumps(broker.log)
    for part in (*good.split("."), *bad.split("."), "alice"):
        assert part not in lines


def test_keys_are_changed_while_the_broker_runs(tmp_path):
    old, new = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    file = tmp_path / "public.pem"
    file.write_bytes(pem(old))
    broker = Broker(jwt_key_files=file)
    broker.headers = {"Authorization": f"Bearer {token(old, 'alice')}"}
    with broker:
        assert bearer(broker, token(old, "alice")).status == 200
        assert bearer(broker, token(new, "alice")).status == 401
        # Half a file changes nothing but the log.
        file.write_bytes(pem(new)[:40])
        assert str(file) in broker.wait_for("token_keys_not_read")["err"]
        assert bearer(broker, token(old, "alice")).status == 200
        file.write_bytes(pem(new))
        broker.wait_for("token_keys_read")
        assert bearer(broker, token(new, "alice")).status == 200
        assert bearer(broker, token(old, "alice")).status == 401
        broker.headers = {"Authorization": f"Bearer {token(new, 'alice')}"}


def test_a_broken_key_file_refuses_to_start(tmp_path):
    file = tmp_path / "chat.pem"
    private = ED.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                               serialization.NoEncryption())
    for content, why in ((None, "it cannot be read"), (private, "it holds a private key"),
                         (b'{"keys":[{"kty":"oct","k":"AAAA"}]}', "is a shared secret")):
        if content is not None:
            file.write_bytes(content)
        done = run("serve", "--set", f"jwt_key_files={file}", "--listen", "127.0.0.1:0",
                   state=tmp_path / "state", check=3)
        assert f"jwt_key_files: {file}: " in done.stderr and why in done.stderr
