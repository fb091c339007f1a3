"""A server on 127.0.0.1 that speaks the part of the v2beta1 API that is used, and misbehaves.

What it answers follows kubeflow/pipelines' apiserver: names of pipelines, versions and
experiments are unique, those of runs and recurring runs are not; lists come in pages; an
upload of a known version answers 409 (500 before 2.5).
"""

import datetime
import email
import http.server
import itertools
import json
import re
import socket
import threading
import urllib.parse

API = "/apis/v2beta1"


class Refused(Exception):
    """What the server answers in its own form; `bytes` are what a proxy in front of it answers."""

    def __init__(self, status, message="no", **headers):
        super().__init__(message)
        self.status, self.headers = status, headers


class PipelinesServer:
    """The server's tables, and what shall go wrong.

    Attributes:
      requests: (method, path) of every request, in order.
      before, after: called with the number of a request, from 1, before it takes effect and
        before it is answered; what they raise is what the client gets.
      page: the most items of one page.
      logs: the text of a pod's log, by the pod's name.
      missing: bytes of a log that are announced and never sent.
    """

    def __init__(self):
        self.pipelines, self.versions, self.experiments = {}, {}, {}
        self.runs, self.recurring_runs, self.logs = {}, {}, {}
        self.requests, self.headers, self.files = [], [], []
        self.before = self.after = lambda number: None
        self.token, self.multi_user, self.page = None, False, 2
        self.upload_conflict, self.missing = 409, 0
        self._ids, self._lock = itertools.count(1), threading.RLock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def writes(self):
        return [path for method, path in self.requests if method != "GET"]

    def answer(self, method, path, query, body):
        routes = [
            ("GET", r"/healthz", lambda: {"multi_user": self.multi_user}),
            ("GET", r"/pipelines", lambda: self._page("pipelines", self.pipelines, query)),
            ("POST", r"/pipelines", lambda: self._unique(self.pipelines, "pipeline_id", body)),
            ("POST", r"/pipelines/upload_version", lambda: self._upload(query, body)),
            ("GET", r"/pipelines/([^/]+)", lambda p: self._known(self.pipelines, p)),
            ("GET", r"/pipelines/([^/]+)/versions", lambda p: self._versions(p, query)),
            ("DELETE", r"/pipelines/([^/]+)/versions/([^/]+)", self._delete_version),
            ("GET", r"/experiments", lambda: self._page("experiments", self.experiments, query)),
            (
                "POST",
                r"/experiments",
                lambda: self._unique(
                    self.experiments, "experiment_id", body | {"storage_state": "AVAILABLE"}
                ),
            ),
            ("GET", r"/runs", lambda: self._page("runs", self.runs, query)),
            ("POST", r"/runs", lambda: self._run(body)),
            ("GET", r"/runs/([^/]+)", lambda r: self._shown(r, query)),
            ("POST", r"/runs/([^/:]+):terminate", self._terminate),
            (
                "DELETE",
                r"/runs/([^/:]+)",
                lambda r: self.runs.pop(self._known(self.runs, r)["run_id"]),
            ),
            ("GET", r"/recurringruns", lambda: self._recurring(query)),
            ("POST", r"/recurringruns", lambda: self._recur(body)),
            ("DELETE", r"/recurringruns/([^/:]+)", self._delete),
            ("POST", r"/recurringruns/([^/:]+):enable", lambda r: self._mode(r, "ENABLE")),
            ("POST", r"/recurringruns/([^/:]+):disable", lambda r: self._mode(r, "DISABLE")),
        ]
        for verb, pattern, act in routes:
            match = re.fullmatch(API + pattern, path)
            if match and verb == method:
                return act(*match.groups())
        # ReadRunLogV1 of the API server; it answers an error where the pod is gone.
        log = re.fullmatch(r"/apis/v1alpha1/runs/[^/]+/nodes/([^/]+)/log", path)
        if log and method == "GET":
            if log[1] not in self.logs:
                raise Refused(500, f"Failed to read logs from pod {log[1]}")
            return self.logs[log[1]].encode()
        raise Refused(404, "Not Found")

    def _page(self, key, table, query, where=lambda item: True):
        items = [item for item in table.values() if where(item)]
        if "filter" in query:
            for predicate in json.loads(query["filter"])["predicates"]:
                assert predicate["operation"] in ("EQUALS", 1)
                wanted = predicate["stringValue"]
                items = [item for item in items if item[predicate["key"]] == wanted]
        for name in ("namespace", "experiment_id"):
            if name in query:
                items = [item for item in items if item.get(name) == query[name]]
        if self.multi_user and not {"namespace", "experiment_id"} & set(query):
            raise Refused(400, "Invalid input error: a namespace is required in multi-user mode")
        first = int(query.get("page_token") or 0)
        last = first + min(self.page, int(query.get("page_size", 20)))
        page = {key: items[first:last], "total_size": len(items)}
        return page | ({"next_page_token": str(last)} if last < len(items) else {})

    def _unique(self, table, id_name, body, conflict=409):
        for item in table.values():
            same = [
                item.get(k) == body.get(k) for k in ("display_name", "namespace", "pipeline_id")
            ]
            if all(same):
                raise Refused(conflict, f"Already exist error: {body['display_name']}")
        return self._add(table, id_name, body)

    def _add(self, table, id_name, body):
        identity = f"{id_name[:-3].replace('_', '-')}-{next(self._ids)}"
        made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        table[identity] = body | {id_name: identity, "created_at": made}
        return table[identity]

    def _known(self, table, identity):
        if identity not in table:
            raise Refused(404, f"{identity} not found")
        return table[identity]

    def _upload(self, query, body):
        if "pipelineid" not in query:
            raise Refused(400, "Failed to create a pipeline version")
        self._known(self.pipelines, query["pipelineid"])
        self.files.append(body)
        version = {"display_name": query["name"], "pipeline_id": query["pipelineid"]}
        return self._unique(self.versions, "pipeline_version_id", version, self.upload_conflict)

    def _versions(self, pipeline_id, query):
        self._known(self.pipelines, pipeline_id)

        def in_it(item):
            return item["pipeline_id"] == pipeline_id

        query = query | ({"namespace": None} if self.multi_user else {})
        return self._page("pipeline_versions", self.versions, query, in_it)

    def _delete_version(self, pipeline_id, identity):
        assert self._known(self.versions, identity)["pipeline_id"] == pipeline_id
        del self.versions[identity]
        return {}

    def _run(self, body):
        self._check_references(body)
        return self._add(self.runs, "run_id", body | {"state": "PENDING"})

    def _shown(self, identity, query):
        run = self._known(self.runs, identity)
        # Kubeflow without ML Metadata has a run's tasks in its full view alone (#13986, GetRun).
        return run if query.get("view") == "FULL" else {k: run[k] for k in run if k != "tasks"}

    def _recur(self, body):
        self._check_references(body)
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            raise Refused(400, "The max concurrency of the recurring run is out of range")
        # Five fields are accepted as well, and read as if the first one were the seconds.
        assert len(body["trigger"]["cron_schedule"]["cron"].split()) == 6
        return self._add(self.recurring_runs, "recurring_run_id", body)

    def _check_references(self, body):
        reference = body["pipeline_version_reference"]
        version = self._known(self.versions, reference["pipeline_version_id"])
        assert version["pipeline_id"] == reference["pipeline_id"]
        self._known(self.experiments, body["experiment_id"])

    def _terminate(self, identity):
        self._known(self.runs, identity)["state"] = "CANCELING"
        return {}

    def _recurring(self, query):
        return self._page("recurringRuns", self.recurring_runs, query)

    def _delete(self, identity):
        self._known(self.recurring_runs, identity)
        del self.recurring_runs[identity]
        return {}

    def _mode(self, identity, mode):
        self._known(self.recurring_runs, identity)["mode"] = mode
        return {}

    def _handler(server):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def handle_any(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with server._lock:
                    view = "?view=FULL" if query.get("view") == "FULL" else ""
                    server.requests.append((self.command, url.path.removeprefix(API) + view))
                    server.headers.append(dict(self.headers))
                    number = len(server.requests)
                try:
                    server.before(number)
                    with server._lock:
                        answer = self.act(url.path, query, content)
                    server.after(number)
                    self.reply(200, answer)
                except Refused as error:
                    [said] = error.args
                    code = {"error": said, "message": said, "code": 2}
                    self.reply(
                        error.status, said if isinstance(said, bytes) else code, error.headers
                    )
                except ConnectionAbortedError:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)

            def act(self, path, query, content):
                if server.token and self.headers.get("authorization") != f"Bearer {server.token}":
                    raise Refused(401, "Request header error: there is no user identity header")
                kind = self.headers.get("Content-Type", "")
                if kind.startswith("multipart/"):
                    form = email.message_from_bytes(f"Content-Type: {kind}\n\n".encode() + content)
                    body = form.get_payload()[0].get_payload(decode=True)
                else:
                    body = json.loads(content) if content else {}
                return server.answer(self.command, path, query, body)

            def reply(self, status, answer, headers=()):
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                missing = server.missing if isinstance(answer, bytes) else 0
                self.send_header("Content-Length", str(len(body) + missing))
                for name, value in dict(headers).items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = self.close_connection or missing > 0

            do_GET = do_POST = do_DELETE = handle_any

        return Handler
