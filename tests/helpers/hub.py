"""The Hugging Face Hub on this machine: it speaks its language, keeps what is committed, and fails
when it is told to."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
    """What there is, and how the next requests end.

    `refuse` maps a pattern of "METHOD /path" to a status and a text. `stages` are those that a
    Space goes through, the last for ever, each for one look at it; a number is a status that the
    look has. `seen` is the commit that they belong to, if not the latest, and `reason` what is said
    of them. `meanwhile` is called before each commit.
    """

    def __init__(self):
        self.repos, self.asked, self.refuse = Repos(), [], {}
        self.stages, self.seen, self.reason = ["BUILDING", "APP_STARTING", "RUNNING"], None, None
        self.meanwhile = lambda repo: None

    def __enter__(self):
        class Bound(Handler):
            hub = self

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def space(self, name="me/styletx"):
        return self.repos["space", name]

    def dataset(self, name="me/painted"):
        return self.repos["dataset", name]


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = f"{self.command} {path}"
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

    do_HEAD = do_POST = do_GET

    def answer(self, told, status=200, **headers):
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass

    def who(self):
        self.answer({"name": "me", "type": "user", "orgs": []})

    def create(self):
        wish = json.loads(self.body)
        key = wish["type"], f"{wish['organization']}/{wish['name']}"
        if key in self.hub.repos:
            return self.answer(
                {"error": "You already created this repo", "url": self.url_of(*key)}, 409
            )
        repo = self.hub.repos[key] = Repo(private=wish.get("visibility") == "private")
        if wish["type"] == "space":
            assert wish["sdk"] == "gradio"
            repo.hardware = wish.get("hardware", repo.hardware)
        return self.answer({"url": self.url_of(*key)})

    def url_of(self, kind, name):
        return f"{self.hub.url}/{kind}s/{name}"

    def info(self, kind, name):
        repo = self.hub.repos[kind, name]
        siblings = [{"rfilename": path} for path in repo.files]
        self.answer({"id": name, "private": repo.private, "sha": repo.head, "siblings": siblings})

    def valid(self):
        assert json.loads(self.body)["content"].startswith("---\n")
        self.answer({"warnings": [], "errors": []})

    def preupload(self, kind, name):
        repo = self.hub.repos[kind, name]
        told = []
        for file in json.loads(self.body)["files"]:
            known = repo.files.get(file["path"])
            oid = None if known is None else blob(known)
            how = {"uploadMode": "regular", "shouldIgnore": False, "oid": oid}
            told.append({"path": file["path"], **how})
        self.answer({"files": told})

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
        self.answer({key: {"value": value} for key, value in kept.items()})

    def harden(self, name):
        self.hub.space(name).hardware = json.loads(self.body)["flavor"]
        self.runtime(name)

    def runtime(self, name):
        repo, stages = self.hub.space(name), self.hub.stages
        stage = stages.pop(0) if len(stages) > 1 else stages[0]
        if isinstance(stage, int):
            return self.answer({"error": "busy"}, stage)
        told = {"hardware": {"current": None, "requested": repo.hardware}, "stage": stage}
        told["sha"] = self.hub.seen or repo.head
        if self.hub.reason:
            told["errorMessage"] = self.hub.reason
        return self.answer(told)

    def refs(self, kind, name):
        main = {"name": "main", "ref": "refs/heads/main"}
        main["targetCommit"] = self.hub.repos[kind, name].head
        self.answer({"branches": [main], "converts": [], "tags": []})

    def file(self, kind, name, commit, path):
        content = dict(self.hub.repos[kind, name].commits)[commit].get(path)
        if content is None:
            return self.answer(b"", 404, X_Error_Code="EntryNotFound")
        return self.answer(content, ETag=f'"{blob(content)}"', X_Repo_Commit=commit)


REPO = r"/api/(space|dataset)s/([\w-]+/[\w-]+)"
SPACE = r"/api/spaces/([\w-]+/[\w-]+)"
ROUTES = {
    "GET /api/whoami-v2": Handler.who,
    "POST /api/repos/create": Handler.create,
    "POST /api/validate-yaml": Handler.valid,
    f"GET {REPO}(?:/revision/main)?": Handler.info,
    f"POST {REPO}/preupload/main": Handler.preupload,
    f"POST {REPO}/commit/main": Handler.commit,
    f"POST {SPACE}/(secrets|variables)": Handler.keep,
    f"POST {SPACE}/hardware": Handler.harden,
    f"GET {SPACE}/runtime": Handler.runtime,
    f"GET {REPO}/refs": Handler.refs,
    r"(?:HEAD|GET) /(space|dataset)s/([\w-]+/[\w-]+)/resolve/(\w+)/(.+)": Handler.file,
}
