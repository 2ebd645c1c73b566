# A receiver in Python, which verifies what it gets with the official packages and with the code of
# docs/delivery.md (snippet.py beside it in the path). Its answer says what each thought of the request.
# The secret to verify with is in the request's own X-Secret header.
import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import standardwebhooks
import svix.webhooks

import snippet

PACKAGES = {"standardwebhooks": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}


def verdict(webhook, secret, headers, body):
    try:
        return webhook(secret).verify(body, headers) == json.loads(body)
    except standardwebhooks.WebhookVerificationError:
        return False
    except ValueError:
        # They take JSON only.
        return None


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        secret = headers["x-secret"]
        verdicts = {
            name: verdict(webhook, secret, headers, body) for name, webhook in PACKAGES.items()
        }
        verdicts["snippet"] = snippet.verify(secret, headers, body)
        answer = json.dumps(verdicts).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


if len(sys.argv) > 1:
    # Cases in a file: what the snippet thinks of each.
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    print(
        json.dumps(
            [
                snippet.verify(case["secret"], case["headers"], base64.b64decode(case["body"]))
                for case in cases
            ]
        )
    )
else:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_port, flush=True)
    server.serve_forever()
