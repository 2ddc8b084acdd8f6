"""Lets `wandb sync --sync-tensorboard` upload a folder of events, and prints as JSON what a server of W&B would have: the
history of the run and the names of its files. The server here only takes; what tests/program/tracking.rs compares."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

history: list[dict] = []
uploaded: set[str] = set()


class Server(BaseHTTPRequestHandler):
    """Gives every question the answer that lets the client go on."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        data = {}
        if self.path == "/graphql":
            asked = json.loads(body)
            data = graphql(asked["query"], asked.get("variables", {}), f"http://{self.headers['host']}")
        elif self.path.endswith("/file_stream"):
            files = json.loads(body).get("files", {})
            history.extend(json.loads(row) for row in files.get("wandb-history.jsonl", {"content": []})["content"])
        elif self.path.startswith("/upload/"):
            uploaded.add(self.path.removeprefix("/upload/"))
        told = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_) -> None:
        """Keeps quiet."""


def graphql(query: str, given: dict, server: str) -> dict:
    """The parts of an answer that the client reads."""
    if "upsertBucket" in query:
        project = {"name": given["project"], "entity": {"name": given["entity"]}}
        run = {"id": "1", "name": given["name"], "displayName": "", "config": "{}", "historyLineCount": 0}
        return {"upsertBucket": {"bucket": {**run, "sweepName": None, "project": project}, "inserted": True}}
    if "createRunFiles" in query:
        files = [{"name": name, "uploadUrl": f"{server}/upload/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
    versions = {"min_cli_version": "0.1.0", "max_cli_version": "9.0.0"}
    return {"viewer": {"entity": "me", "flags": "{}", "teams": {"edges": []}},
            "serverInfo": {"cliVersionInfo": versions, "latestLocalVersionInfo": None}}


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
environment = {**os.environ, "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}", "WANDB_API_KEY": 40 * "0"}
subprocess.run([sys.executable, "-m", "wandb", "sync", "--legacy", "--sync-tensorboard",
                "--entity", "me", "--project", "teams", sys.argv[1]], env=environment, stdout=sys.stderr, check=True)
print(json.dumps({"history": history, "files": sorted(uploaded)}))
