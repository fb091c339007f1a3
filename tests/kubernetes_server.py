"""A server on 127.0.0.1 that speaks the part of Kubernetes' API that a step uses, and runs Jobs.

It takes only what Kubernetes' schemas allow. A pod is a process with the container's command and
variables; paths of volumes are those of this machine. What counts as a restart follows the Job's
podFailurePolicy and backoffLimitPerIndex, as in Kubernetes' Job controller.
"""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from components.free_ports import free_ports
from components.trainer.cluster import tf_config
from tests.kubernetes_schema import mistakes
from tests.processes import Fork

ROOT = Path(__file__).resolve().parents[1]
_PATH = re.compile(r"/(?:api/v1|apis/batch/v1)/namespaces/([^/]+)/(jobs|services)(?:/([^/]+))?")


class Refused(Exception):
    def __init__(self, status, message, reason=""):
        super().__init__(message)
        self.status, self.reason = status, reason


def _names_of_pods(job):
    name, spec = job["metadata"]["name"], job["spec"]
    service = spec["template"]["spec"]["subdomain"]
    names = (f"{name}-{index}" for index in range(spec["completions"]))
    return [one.removeprefix(f"{service}-") for one in names]


class KubernetesServer:
    """The objects of one namespace.

    Attributes:
      objects: {("jobs" or "services", name): document}; a Job's has its status.
      created: every document that was created, in order.
      before: called with (method, kind) before a request takes effect; what it raises is answered.
      pods: {pod: its newest process}; a pod's name is without that of its Service, as in "1" or
        "workers-1".
      starts: the name of each pod that was started, in order.
      suspends: whether new Jobs wait for `admit`, as in Kueue's queue.
    """

    def __init__(self, folder):
        self.objects, self.created, self.pods, self.starts = {}, [], {}, []
        self.suspends = False
        self.before = lambda method, kind: None
        self._folder, self._lock, self._evicted = Path(folder), threading.RLock(), set()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        with self._lock:
            for kind, name in list(self.objects):
                self._delete(kind, name)
        self._http.shutdown()
        self._http.server_close()

    def admit(self):
        """Lets the Jobs of the queue begin."""
        with self._lock:
            for (kind, _), made in self.objects.items():
                if kind == "jobs":
                    made["spec"]["suspend"] = False

    def evict(self, pod):
        """Ends a pod as the eviction API does: the pod gets the condition DisruptionTarget."""
        with self._lock:
            self._evicted.add(self.pods[pod].pid)
            self.pods[pod].kill()

    def _answer(self, method, kind, name, body):
        self.before(method, kind)
        with self._lock:
            if method == "POST":
                return self._create(kind, body)
            if (kind, name) not in self.objects:
                raise Refused(404, f'{kind} "{name}" not found')
            if method == "DELETE":
                return self._delete(kind, name)
            return self.objects[kind, name]

    def _create(self, kind, body):
        wrong = mistakes(body)
        if wrong:
            raise Refused(422, "; ".join(wrong))
        name = body["metadata"]["name"]
        if (kind, name) in self.objects:
            raise Refused(409, f'{kind} "{name}" already exists', "AlreadyExists")
        self.created.append(body)
        made = self.objects[kind, name] = json.loads(json.dumps(body)) | {"status": {}}
        if kind == "jobs":
            made["spec"]["suspend"] = self.suspends
            threading.Thread(target=self._control, args=(name, made), daemon=True).start()
        return made

    def _delete(self, kind, name):
        gone = self.objects.pop((kind, name))
        if kind == "jobs":
            for pod in _names_of_pods(gone):
                if pod in self.pods:
                    process = self.pods.pop(pod)
                    process.kill()
                    process.wait()
        return gone

    def _control(self, name, job):
        """The Job controller, for one Job: another one of its name has its own."""
        count, failed, done = job["spec"]["completions"], {}, set()
        names = _names_of_pods(job)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        while True:
            with self._lock:
                if self.objects.get(("jobs", name)) is not job:
                    return
                for index, pod_name in enumerate([] if job["spec"]["suspend"] else names):
                    pod = self.pods.get(pod_name)
                    if index in done or (pod and pod.poll() is None):
                        continue
                    if pod and pod.poll() == 0:
                        done.add(index)
                        continue
                    why = pod and self._why_the_job_ends(job["spec"], index, pod, failed)
                    if why:
                        self._end(job, "Failed", *why)
                        return
                    self._start(pod_name, job["spec"]["template"]["spec"], index, addresses)
                ready = count - len(done)
                job["status"] |= {"active": ready, "ready": ready, "failed": sum(failed.values())}
                if len(done) == count:
                    self._end(job, "Complete", "CompletionsReached", "")
                    return
            time.sleep(0.02)

    def _why_the_job_ends(self, spec, index, pod, failed):
        """(reason, message) where the end of a pod ends the Job; else None."""
        if pod.pid in self._evicted:
            return None
        code = pod.returncode if pod.returncode >= 0 else 128 - pod.returncode
        for rule in spec["podFailurePolicy"]["rules"]:
            if code in rule.get("onExitCodes", {}).get("values", []):
                return "PodFailurePolicy", f"container failed with exit code {code}"
        failed[index] = failed.get(index, 0) + 1
        if failed[index] > spec["backoffLimitPerIndex"]:
            return "FailedIndexes", "Job has failed indexes"
        return None

    def _end(self, job, kind, reason, message):
        for pod in _names_of_pods(job):
            self.pods[pod].kill()
        met = {"type": kind, "status": "True", "reason": reason, "message": message}
        job["status"] |= {"active": 0, "ready": 0, "conditions": [met]}

    def _start(self, name, pod, index, addresses):
        [container] = pod["containers"]
        environment = {one["name"]: one.get("value", "a secret") for one in container["env"]}
        environment |= {"JOB_COMPLETION_INDEX": str(index), "PYTHONPATH": str(ROOT)}
        if "ports" in container:
            # The names of pods are known in a cluster only.
            environment["TF_CONFIG"] = tf_config(addresses, index)
        python, *rest = container["command"]
        assert python == "python"
        self.starts.append(name)
        begin = Fork if rest[0] == "-m" else subprocess.Popen
        with open(self._folder / f"pod-{name}.log", "ab") as log:
            self.pods[name] = begin(
                [sys.executable, *rest, *container["args"]],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _handler(server):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                path = urllib.parse.urlsplit(self.path).path
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    _, kind, name = _PATH.fullmatch(path).groups()
                    body = json.loads(content) if content else None
                    status, answer = 200, server._answer(self.command, kind, name, body)
                except Refused as error:
                    status = error.status
                    answer = {"kind": "Status", "message": str(error), "reason": error.reason}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = handle_any

        return Handler
