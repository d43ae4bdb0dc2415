// Acts once on each genuine request: WEBHOOK_SECRET=whsec_… node receiver.mjs [PORT]
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ''), 'base64');
const done = new Set(); // In memory: keep it in a file or a database if a restart must not repeat anything.

const server = createServer(async (request, response) => {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return; // Cut off on its way: it will come again.
  }
  const body = Buffer.concat(chunks); // The raw bytes: what a framework has parsed and printed again is another text.
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures = '' } = request.headers;
  const code = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
  const signed = signatures.split(' ').filter((one) => one.startsWith('v1,')).map((one) => Buffer.from(one.slice(3), 'base64'));
  const genuine = signed.some((one) => one.length === code.length && timingSafeEqual(one, code));
  if (!genuine || !(Math.abs(Date.now() / 1000 - Number(time)) <= 300)) return response.writeHead(401).end();
  if (!done.has(id)) {
    const event = JSON.parse(body);
    console.log(id, event.type, event.data?.symbol ?? ''); // Here goes what is to happen.
    done.add(id);
  }
  return response.writeHead(204).end();
});
server.listen(Number(process.argv[2] ?? 8090), '127.0.0.1');
