// Signs requests with the libraries of their makers, as captures for `bellwire verify`: NAME.http beside NAME.secret.
//
//     node made.mjs FOLDER SECRET
import { writeFileSync } from 'node:fs';
import { sign as octokit } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import { Stripe } from 'stripe';
import { Webhook as Svix } from 'svix';

const [folder, secret] = process.argv.slice(2);
const text = 'any text at all, ünd more';
const body = '{"type":"tp_hit","data":{"label":"Größe 1/2","n":[1,2.50,{}]}}\n';
const now = new Date();
const time = String(Math.floor(now / 1000));

const write = (name, key, headers) => {
  const head = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`).join('');
  writeFileSync(`${folder}/${name}.http`, `POST /hook HTTP/1.1\r\n${head}\r\n${body}`);
  writeFileSync(`${folder}/${name}.secret`, `${key}\n`);
};
write('standardwebhooks', secret, {
  'Webhook-Id': 'msg_1', 'Webhook-Timestamp': time, 'Webhook-Signature': new Webhook(secret).sign('msg_1', now, body),
});
write('svix', secret, {
  'svix-id': 'msg_2', 'svix-timestamp': time, 'svix-signature': new Svix(secret).sign('msg_2', now, body),
});
write('github', text, { 'X-Hub-Signature-256': await octokit(text, body) });
write('stripe', secret, {
  'Stripe-Signature': new Stripe('sk_test_none').webhooks.generateTestHeaderString({ payload: body, secret }),
});
