"""A local stand-in for OpenML: JSON and ARFF over HTTP, counted requests."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOY = """@RELATION toy
@ATTRIBUTE a REAL
@ATTRIBUTE colour {red,blue}
@ATTRIBUTE b INTEGER
@ATTRIBUTE class {x,y}
@DATA
1.5,red,1,x
?,blue,2,y
3.5,red,3,x
"""
SPARSE = """@RELATION sparse
@ATTRIBUTE a NUMERIC
@ATTRIBUTE b NUMERIC
@ATTRIBUTE class {x,y}
@DATA
{0 1.5, 2 x}
{1 2, 2 y}
{0 3, 2 x}
"""


class OpenMLServer:
    """Serves the sets it is given; `content` can be changed while it runs."""

    def __init__(self):
        self.sets = {}
        self.requests = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(self.path)
                status, body = server.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def add(self, number, name, arff, *, targets=("class",), version=1, status="active", **more):
        fmt = "Sparse_ARFF" if "{0 " in arff else "ARFF"
        self.sets[number] = {
            "name": name, "arff": arff, "targets": targets, "version": version,
            "status": status, "format": fmt, **more,
        }  # fmt: skip

    def answer(self, path):
        parts = path.strip("/").split("/")
        if parts[0] == "file":
            return 200, self.sets[int(parts[1])]["arff"].encode()
        kind, key = parts[1], parts[2]
        if kind == "list":
            return self._list(parts)
        if int(key) not in self.sets:
            return 412, b"{}"
        content = getattr(self, f"_{kind}")(int(key), self.sets[int(key)])
        return 200, json.dumps(content).encode()

    def _list(self, parts):
        found = [
            {"did": number, "name": item["name"], "version": item["version"], "status": "active"}
            for number, item in self.sets.items()
            if item["name"].lower() == parts[2]
            and (
                "data_version" not in parts
                or item["version"] == int(parts[parts.index("data_version") + 1])
            )
        ]
        status = 200 if found else 412
        return status, json.dumps({"data": {"dataset": found}}).encode()

    def _info(self, number, item):
        description = {
            "id": str(number), "name": item["name"], "version": str(item["version"]),
            "format": item["format"], "licence": "CC0", "status": item["status"],
            "url": f"{self.url}/file/{number}/{item['name']}.arff", "description": "toy",
            "md5_checksum": item.get("md5") or hashlib.md5(item["arff"].encode()).hexdigest(),
        }  # fmt: skip
        return {"data_set_description": description}

    def _features(self, number, item):
        lines = [line.split(maxsplit=2) for line in item["arff"].splitlines() if "@ATT" in line]
        features = [
            {
                "index": str(i), "name": name,
                "data_type": "nominal" if kind.startswith("{") else "numeric",
                "nominal_value": kind.strip("{}").split(",") if kind.startswith("{") else [],
                "is_target": str(name in item["targets"]).lower(),
                "is_ignore": "false", "is_row_identifier": "false",
                "number_of_missing_values": "0",
            }
            for i, (_, name, kind) in enumerate(lines)
        ]  # fmt: skip
        return {"data_features": {"feature": features}}

    def _qualities(self, number, item):
        n_rows = len(item["arff"].split("@DATA\n")[1].splitlines())
        quality = [{"name": "NumberOfInstances", "value": str(float(n_rows))}]
        return {"data_qualities": {"quality": quality}}

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
