// Verifies the recorded signatures with the libraries that receivers use, and that one changed byte is refused.
//
//     node signatures.mjs RECORDING NEW_SECRET OLD_SECRET
import { verify as octokit } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import { Stripe } from 'stripe';
import { Webhook as Svix } from 'svix';
import { Findings, must, mustRefuse, read } from './read_recording.mjs';

const [recording, newSecret, oldSecret] = process.argv.slice(2);
const requests = read(recording);
const findings = new Findings();
const foreign = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const stripe = new Stripe('sk_test_none');

// One bit, in another place in each body, so that every part of a body is tried.
let turn = 0;
const changed = (body) => {
  const copy = Buffer.from(body);
  copy[turn++ % copy.length] ^= 1;
  return copy;
};
const accepted = async (what, check) => must(await check() !== false, `${what} refuses it`);
const refused = async (what, check) => {
  let passed;
  try {
    passed = await check();
  } catch {
    return;
  }
  must(passed === false, `${what}: accepted`);
};

// Standard Webhooks: two entries, the newest first, one space between them; either secret is enough.
for (const request of requests.filter(({ sink }) => ['standard', 'cloudevents', 'canonical'].includes(sink))) {
  await findings.judge('WH-4 two entries, newest first', request, () => {
    const entries = request.headers['webhook-signature'].split(' ');
    must(entries.length === 2 && entries.every((entry) => /^v1,[A-Za-z0-9+/]{43}=$/.test(entry)), entries);
    const at = new Date(Number(request.headers['webhook-timestamp']) * 1000);
    for (const [index, secret] of [newSecret, oldSecret].entries()) {
      must(new Webhook(secret).sign(request.id, at, request.body.toString('utf8')) === entries[index], 'another order');
    }
    must(!request.id.includes('.'), 'an id with a dot');
  });
  for (const [name, Verifier] of [['standardwebhooks', Webhook], ['svix', Svix]]) {
    for (const secret of [newSecret, oldSecret]) {
      const verifier = new Verifier(secret);
      await findings.judge(`WH-4 WH-5 ${name} (JavaScript)`, request, async () => {
        await accepted(name, () => verifier.verify(request.body, request.headers));
        await refused('one byte changed', () => verifier.verify(changed(request.body), request.headers));
        const renamed = { ...request.headers, 'webhook-id': `${request.id}x` };
        await refused('another id', () => verifier.verify(request.body, renamed));
      });
    }
    await findings.judge(`a foreign secret (${name})`, request,
      () => refused('a foreign secret', () => new Verifier(foreign).verify(request.body, request.headers)));
  }
}

// GitHub's own library refuses more than one value, so there is one, made with the newest secret.
for (const request of requests.filter(({ sink }) => sink === 'github')) {
  const signature = request.headers['x-hub-signature-256'];
  const text = request.body.toString('utf8');
  await findings.judge('WH-7 GitHub, by @octokit/webhooks-methods', request, async () => {
    must(/^sha256=[0-9a-f]{64}$/.test(signature), signature);
    await accepted('octokit', () => octokit(newSecret, text, signature));
    await refused('the old secret', () => octokit(oldSecret, text, signature));
    await refused('one byte changed', () => octokit(newSecret, changed(request.body).toString('utf8'), signature));
    must(request.headers['x-github-event'] && request.headers['x-github-delivery'] === request.id, 'no event or id');
  });
}

for (const request of requests.filter(({ sink }) => sink === 'stripe')) {
  const signature = request.headers['stripe-signature'];
  await findings.judge('WH-7 Stripe, by its library', request, async () => {
    for (const secret of [newSecret, oldSecret]) {
      await accepted('stripe', () => stripe.webhooks.constructEvent(request.body, signature, secret));
      await refused('one byte changed', () => stripe.webhooks.constructEvent(changed(request.body), signature, secret));
    }
    await refused('a foreign secret', () => stripe.webhooks.constructEvent(request.body, signature, foreign));
  });
}

// The comparison itself must be able to fail.
await mustRefuse('the check of refusals', () => refused('nothing', () => true));
await mustRefuse('the check of acceptance', () => accepted('nothing', () => false));
findings.end();
