"""A stand-in for the Hugging Face Hub: it speaks its language, keeps what is committed, and fails
when it is told to. It answers the Hub's library without a connection, or as a server."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

try:
    import httpx2 as httpx  # which the Hub's library uses by now
except ImportError:
    import httpx

TOKEN = "hf_of_the_tests"


class Repo:
    """Files at each commit, and what a Space has besides."""

    def __init__(self, private=False, **files):
        self.private, self.commits = private, []
        self.secrets, self.variables, self.hardware = {}, {}, "cpu-basic"
        self.commit({".gitattributes": b"*.bin filter=lfs\n", **files})

    @property
    def files(self):
        return self.commits[-1][1]

    @property
    def head(self):
        return self.commits[-1][0]

    def commit(self, files):
        sha = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits.append((sha, files))


def blob(content):
    """The name that git gives a file."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


class NoRepo(Exception):
    """Nobody has made it."""


class Repos(dict):
    """Those that there are, by (kind, name)."""

    def __missing__(self, key):
        raise NoRepo


class Hub:
    """The Hub and how its next requests end. `refuse` maps a pattern of "METHOD /path" to a status
    and a text. `meanwhile` is called before each commit. While it is `away`, nothing is
    answered."""

    def __init__(self):
        self.repos, self.asked, self.refuse = Repos(), [], {}
        self.meanwhile, self.away = lambda repo: None, False

    url = "http://hub.invalid"  # where no connection is needed

    def __enter__(self):
        """Have the Hub's library ask this one, without a connection."""
        transport = httpx.MockTransport(self.answer_without_connection)
        set_client_factory(lambda: httpx.Client(transport=transport, follow_redirects=True))
        return self

    def __exit__(self, *_):
        set_client_factory(default_client_factory)

    def answer_without_connection(self, request):
        if self.away:
            self.asked.append(request.method)
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        asked = Request(self, request.method, request.url.path, request.headers, request.read())
        status, headers, content = asked.answered()
        return httpx.Response(status, headers=headers, content=content)

    @contextmanager
    def served(self):
        """The same as a server on this machine."""

        class Bound(Handler):
            hub = self

        server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def space(self, name="me/styletx"):
        return self.repos["space", name]

    def dataset(self, name="me/painted"):
        return self.repos["dataset", name]


@dataclass(frozen=True)
class Request:
    """A request to the Hub. Each answer is a status, headers and a body."""

    hub: Hub
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def answered(self):
        asked = f"{self.method} {self.path}"
        self.hub.asked.append(asked)
        for pattern, (status, text) in self.hub.refuse.items():
            if re.search(pattern, asked):
                return self.answer({"error": text}, status)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "Invalid username or password."}, 401)
        for pattern, reply in ROUTES.items():
            if found := re.fullmatch(pattern, asked):
                try:
                    return reply(self, *found.groups())
                except NoRepo:
                    return self.answer(b"", 404, X_Error_Code="RepoNotFound")
        return self.answer({"error": f"There is no {asked}"}, 404)

    def answer(self, told, status=200, **headers):
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        headers = {"Content-Length": str(len(content)), **headers}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return status, headers, b"" if self.method == "HEAD" else content

    def who(self):
        return self.answer({"name": "me", "type": "user", "orgs": []})

    def create(self):
        wish = json.loads(self.body)
        key = wish["type"], f"{wish['organization']}/{wish['name']}"
        if key in self.hub.repos:
            return self.answer(
                {"error": "You already created this repo", "url": self.url_of(*key)}, 409
            )
        self.hub.repos[key] = Repo(private=wish.get("visibility") == "private")
        if wish["type"] == "space":
            assert wish["sdk"] == "gradio"
        return self.answer({"url": self.url_of(*key)})

    def url_of(self, kind, name):
        return f"{self.hub.url}/{kind}s/{name}"

    def info(self, kind, name):
        repo = self.hub.repos[kind, name]
        siblings = [{"rfilename": path} for path in repo.files]
        return self.answer(
            {"id": name, "private": repo.private, "sha": repo.head, "siblings": siblings}
        )

    def valid(self):
        assert json.loads(self.body)["content"].startswith("---\n")
        return self.answer({"warnings": [], "errors": []})

    def preupload(self, kind, name):
        repo = self.hub.repos[kind, name]
        told = []
        for file in json.loads(self.body)["files"]:
            known = repo.files.get(file["path"])
            oid = None if known is None else blob(known)
            how = {"uploadMode": "regular", "shouldIgnore": False, "oid": oid}
            told.append({"path": file["path"], **how})
        return self.answer({"files": told})

    def commit(self, kind, name):
        repo = self.hub.repos[kind, name]
        self.hub.meanwhile(repo)
        head, *lines = map(json.loads, self.body.splitlines())
        assert head["key"] == "header"
        if head["value"].get("parentCommit", repo.head) != repo.head:
            return self.answer({"error": "A commit has happened since. Please refresh."}, 412)
        files = dict(repo.files)
        for line in lines:
            path = line["value"]["path"]
            if line["key"] == "file":
                files[path] = base64.b64decode(line["value"]["content"])
            else:
                assert line["key"] == "deletedFile"
                del files[path]
        repo.commit(files)
        url = f"{self.url_of(kind, name)}/commit/{repo.head}"
        return self.answer({"commitUrl": url, "commitOid": repo.head})

    def keep(self, name, kind):
        given = json.loads(self.body)
        kept = getattr(self.hub.space(name), kind)
        kept[given["key"]] = given["value"]
        return self.answer({key: {"value": value} for key, value in kept.items()})

    def harden(self, name):
        self.hub.space(name).hardware = json.loads(self.body)["flavor"]
        return self.answer({"hardware": {"current": None, "requested": "x"}, "stage": "BUILDING"})

    def file(self, kind, name, commit, path):
        content = dict(self.hub.repos[kind, name].commits)[commit].get(path)
        if content is None:
            return self.answer(b"", 404, X_Error_Code="EntryNotFound")
        return self.answer(content, ETag=f'"{blob(content)}"', X_Repo_Commit=commit)


REPO = r"/api/(space|dataset)s/([\w-]+/[\w-]+)"
SPACE = r"/api/spaces/([\w-]+/[\w-]+)"
ROUTES = {
    "GET /api/whoami-v2": Request.who,
    "POST /api/repos/create": Request.create,
    "POST /api/validate-yaml": Request.valid,
    f"GET {REPO}(?:/revision/main)?": Request.info,
    f"POST {REPO}/preupload/main": Request.preupload,
    f"POST {REPO}/commit/main": Request.commit,
    f"POST {SPACE}/(secrets|variables)": Request.keep,
    f"POST {SPACE}/hardware": Request.harden,
    r"(?:HEAD|GET) /(space|dataset)s/([\w-]+/[\w-]+)/resolve/(\w+)/(.+)": Request.file,
}


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        asked = Request(self.hub, self.command, path, self.headers, body)
        status, headers, content = asked.answered()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_HEAD = do_POST = do_GET

    def log_message(self, *_):
        pass
