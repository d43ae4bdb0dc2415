// Prints the flows for Node-RED: node node_red_flow.mjs FLOW SECRET FILE
//
// The one of deploy/receivers, as it is, and "parsed", which verifies the signature over what the parsed body prints as,
// all that is left where a flow has parsed it, and appends what it acted on to FILE.
import { readFileSync } from 'node:fs';

const [raw, secret, file] = process.argv.slice(2);

const act = (name, bytes, type) => `
const crypto = global.get('crypto'), fs = global.get('fs');
const head = msg.req.headers;
const bytes = ${bytes};
const key = Buffer.from(${JSON.stringify(secret)}.slice('whsec_'.length), 'base64');
const code = crypto.createHmac('sha256', key)
  .update(head['webhook-id'] + '.' + head['webhook-timestamp'] + '.').update(bytes).digest('base64');
const fresh = Math.abs(Date.now() / 1000 - Number(head['webhook-timestamp'])) < 300;
const good = fresh && head['webhook-signature'].split(' ').includes('v1,' + code);
if (!good) { msg.statusCode = 401; msg.payload = 'signature'; return msg; }
// Acting once on each id is the receiver's part.
const done = flow.get('done') || {};
if (!done[head['webhook-id']]) {
  done[head['webhook-id']] = true;
  flow.set('done', done);
  fs.appendFileSync(${JSON.stringify(file)}, '${name} ' + head['webhook-id'] + ' ' + (${type}) + '\\n');
}
msg.statusCode = 204; msg.payload = '';
return msg;`;

const flow = (name, unparsed, bytes, type) => [
  { id: name, type: 'tab', label: name },
  { id: `${name}-in`, z: name, type: 'http in', url: `/${name}`, method: 'post', skipBodyParsing: unparsed, wires: [[`${name}-act`]] },
  { id: `${name}-act`, z: name, type: 'function', outputs: 1, func: act(name, bytes, type), wires: [[`${name}-out`]] },
  { id: `${name}-out`, z: name, type: 'http response', wires: [] },
];

console.log(JSON.stringify([
  ...JSON.parse(readFileSync(raw, 'utf8')),
  ...flow('parsed', false, 'Buffer.from(JSON.stringify(msg.payload))', 'msg.payload.type'),
]));
