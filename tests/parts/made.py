"""Signs requests with the libraries for Python, as captures for `bellwire verify`: NAME.http beside NAME.secret.

    made.py FOLDER SECRET
"""

import datetime
import sys

import standardwebhooks
import stripe
import svix

folder, secret = sys.argv[1:]
body = '{"type": "tp_hit", "data": {"label": "Gr\\u00f6\\u00dfe", "n": [1, 2.50]}}'
now = datetime.datetime.now(datetime.timezone.utc)
time = str(int(now.timestamp()))


def write(name, headers):
    head = "".join(f"{header}: {value}\n" for header, value in headers.items())
    with open(f"{folder}/{name}.http", "w", encoding="utf-8") as file:
        file.write(f"{head}\n{body}")
    with open(f"{folder}/{name}.secret", "w", encoding="utf-8") as file:
        file.write(secret)


for library, prefix in ((standardwebhooks, "webhook"), (svix, "svix")):
    signature = library.Webhook(secret).sign("msg_1", now, body)
    headers = {f"{prefix}-id": "msg_1", f"{prefix}-timestamp": time, f"{prefix}-signature": signature}
    write(f"{library.__name__}-python", headers)
# It has no public way to sign; this is what its own verifier compares with.
code = stripe.WebhookSignature._compute_signature(f"{time}.{body}", secret)
stripe.Webhook.construct_event(body, f"t={time},v1={code}", secret)
write("stripe-python", {"Stripe-Signature": f"t={time},v1={code}"})
