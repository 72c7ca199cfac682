"""An identity provider on loopback: oidc-provider-mock (Authlib), whose answers a test may spoil."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import flask
import jwt
import oidc_provider_mock
import requests
from werkzeug.serving import make_server

CLIENT = "callwright"
Claims = dict[str, Any]


class Issuer:
    """`spoil[path]` changes that path's answers, `spoilt` says where it did; `asked` are the paths and forms
    that came."""

    def __init__(self) -> None:
        self.spoil: dict[str, Callable[[flask.Response], flask.Response]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.spoilt: list[str] = []
        self.app = oidc_provider_mock.app(require_nonce=True)
        self.app.before_request(self._note)
        self.app.after_request(self._spoilt)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://localhost:{self.server.server_port}"

    def _note(self) -> None:
        self.own_key = flask.g.oidc_provider_mock_storage.jwk
        self.asked.append((flask.request.path, flask.request.values.to_dict()))

    def _spoilt(self, response: flask.Response) -> flask.Response:
        change = self.spoil.get(flask.request.path)
        if change is None:
            return response
        spoilt = change(response)
        self.spoilt.append(flask.request.path)
        return spoilt

    def person(self, sub: str, **claims: object) -> None:
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=5).raise_for_status()

    def authorize(self, address: str, sub: str = "vera-at-the-issuer", **more: str) -> str:
        """Path and query with which the browser comes back, after `sub` has agreed there."""
        form = more or {"sub": sub}
        answer = requests.post(address, data=form, allow_redirects=False, timeout=5)
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"

    def signing_key(self) -> jwt.PyJWK:
        """The issuer's own, as soon as it was asked anything."""
        return jwt.PyJWK({**self.own_key.as_dict(is_private=True), "alg": "RS256"})

    def spoil_token(
        self, change: Callable[[Claims], Claims], key: Any = None, algorithm: str = "RS256"
    ) -> None:
        """From now on ID tokens have other claims; signed by `key`, or with the old signature where None."""

        def other(response: flask.Response) -> flask.Response:
            answer = json.loads(response.get_data())
            token = answer["id_token"]
            head = jwt.get_unverified_header(token)
            head = {"kid": head["kid"]} if "kid" in head else {}
            claims = change(jwt.decode(token, options={"verify_signature": False}))
            forged = jwt.encode(claims, key or "x" * 64, algorithm if key else "HS256", head)
            if key is None:
                first, _, signature = token.split(".")
                forged = ".".join((first, forged.split(".")[1], signature))
            if algorithm == "none":
                forged = jwt.encode(claims, None, "none", head)
            answer["id_token"] = forged
            response.set_data(json.dumps(answer))
            return response

        self.spoil["/oauth2/token"] = other

    def spoil_document(self, **values: object) -> None:
        def other(response: flask.Response) -> flask.Response:
            response.set_data(json.dumps({**json.loads(response.get_data()), **values}))
            return response

        self.spoil["/.well-known/openid-configuration"] = other


@contextmanager
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.server.shutdown()
        thread.join(5)
        issuer.server.server_close()
