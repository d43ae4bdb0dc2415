// Judges the recorded bodies by the platforms' own schemas and builders, and writes the files that a type check judges.
//
//     node validators.mjs RECORDING SENT
import { readFileSync, writeFileSync } from 'node:fs';
import { EmbedBuilder, embedLength } from '@discordjs/builders';
import { CloudEvent, HTTP } from 'cloudevents';
import { IncomingWebhookRequestPartialSchema as Schema } from 'discord-api-spec/zod';
import { Findings, must, mustRefuse, read } from './read_recording.mjs';

const [recording, sent] = process.argv.slice(2);
const requests = read(recording);
const of = (kind) => requests.filter((request) => request.sink.startsWith(kind));
const findings = new Findings();

// Discord's schema, made from the API's own description.
const schema = (body) => {
  const result = Schema.safeParse(body);
  must(result.success, JSON.stringify(result.error?.issues));
};
// What the schema does not say: no part of a field is empty, all texts together are at most 6,000, nobody is pinged.
const unsaid = (body) => {
  must(JSON.stringify(body.allowed_mentions) === '{"parse":[]}', 'somebody may be pinged');
  must(body.content || body.embeds?.length, 'nothing to see');
  const sum = (body.embeds ?? []).reduce((all, embed) => all + embedLength(embed), 0);
  must(sum <= 6000, `${sum} characters in all`);
  for (const { name, value } of (body.embeds ?? []).flatMap((embed) => embed.fields ?? [])) {
    must(name.trim() && value.trim(), 'a field with an empty part');
  }
};
// The builder counts UTF-16 units and looks at the schemes of addresses.
const builder = (body) => {
  for (const embed of body.embeds ?? []) {
    const built = new EmbedBuilder();
    if (embed.title !== undefined) built.setTitle(embed.title);
    if (embed.description !== undefined) built.setDescription(embed.description);
    if (embed.color !== undefined) built.setColor(embed.color);
    if (embed.footer) built.setFooter(embed.footer);
    if (embed.timestamp) built.setTimestamp(new Date(embed.timestamp));
    built.addFields(...(embed.fields ?? []));
    must(!Number.isNaN(Date.parse(embed.timestamp)), 'no time');
  }
};
const good = () => JSON.parse(of('discord')[0].body);
const bad = (change) => {
  const body = good();
  change(body);
  return body;
};
schema(good());
await mustRefuse('the Discord schema', () => schema(bad((body) => { body.embeds[0].title = 'x'.repeat(257); })));
await mustRefuse('the Discord schema', () => schema(bad((body) => { body.embeds[0].color = -1; })));
await mustRefuse('the Discord builder', () => builder(bad((body) => { body.embeds[0].title = '😀'.repeat(129); })));
await mustRefuse('the Discord sum', () => unsaid(bad((body) => {
  body.embeds = Array(2).fill({ description: 'x'.repeat(3001) });
})));
for (const request of of('discord')) {
  const body = JSON.parse(request.body);
  await findings.judge('Discord schema', request, () => schema(body));
  await findings.judge('Discord sums and mentions', request, () => unsaid(body));
  await findings.judge('Discord builder', request, () => builder(body));
}

// A surrogate without its other half is no text; a cut in the wrong place leaves one, or bytes that are none. A replacement
// character is no fault: it stands where an event came with half a character.
const whole = (body) => {
  const text = body.toString('utf8');
  must(Buffer.from(text, 'utf8').equals(body), 'not UTF-8');
  must(!/\\ud[89a-f]../i.test(text), 'half a character');
};
await mustRefuse('the look for halves', () => whole(Buffer.from('{"title":"\\ud83d"}')));
await mustRefuse('the look for halves', () => whole(Buffer.from('😀').subarray(0, 3)));
for (const request of [...of('discord'), ...of('slack')]) {
  await findings.judge('whole characters', request, () => whole(request.body));
}

// CloudEvents in structured mode, strictly.
const cloud = ({ headers, body }) => {
  const event = HTTP.toEvent({ headers, body: body.toString('utf8') });
  must(event instanceof CloudEvent && event.validate() === true, 'no event');
  new CloudEvent(JSON.parse(body), true).validate();
};
const other = (change) => {
  const { headers, body } = of('cloudevents')[0];
  const event = JSON.parse(body);
  change(event);
  return { headers, body: Buffer.from(JSON.stringify(event)) };
};
await mustRefuse('CloudEvents', () => cloud(other((event) => { delete event.source; })));
await mustRefuse('CloudEvents', () => cloud(other((event) => { event.Upstream_Id = 'x'; })));
await mustRefuse('CloudEvents', () => cloud(other((event) => { event.type = ''; })));
for (const request of of('cloudevents')) {
  await findings.judge('CloudEvents (JavaScript)', request, () => cloud(request));
}

// The canonical body is what JavaScript would print; the unchanged body is one of the upstream's lines.
const canonical = (body) => must(JSON.stringify(JSON.parse(body)) === body.toString('utf8'), 'JavaScript prints it otherwise');
await mustRefuse('the canonical comparison', () => canonical(Buffer.from('{"a":1.0}')));
for (const request of of('canonical')) {
  await findings.judge('WH-11 canonical', request, () => {
    canonical(request.body);
    must(JSON.parse(request.body).webhook_id === request.id, 'another id');
  });
}
const lines = readFileSync(sent, 'utf8').trimEnd().split('\n').sort();
for (const sink of ['standard', 'github', 'stripe']) {
  const bodies = requests.filter((request) => request.sink === sink);
  const texts = bodies.map((request) => request.body.toString('utf8')).sort();
  await findings.judge(`WH-11 unchanged (${sink})`, bodies[0], () => {
    must(texts.length === lines.length, `${texts.length} bodies of ${lines.length} events`);
    for (const [index, text] of texts.entries()) must(text === lines[index], `not as sent: ${text.slice(0, 200)}`);
  });
}

// Unknown and misspelt keys are seen by the type check alone: one constant for each body.
const typed = (file, head, type, bodies) => writeFileSync(file, [
  head, ...bodies.map((body, index) => `export const m${index}: ${type} = ${body};`), ''].join('\n'));
const discordHead = "import type { RESTPostAPIWebhookWithTokenJSONBody as Body } from 'discord-api-types/v10';";
const slackHead = "import type { IncomingWebhookSendArguments as Body } from '@slack/webhook';";
typed('discord.ts', discordHead, 'Body', of('discord').map(({ body }) => body));
typed('slack.ts', slackHead, 'Body', of('slack').map(({ body }) => body));
typed('broken_discord.ts', discordHead, 'Body', [JSON.stringify(bad((body) => { body.allow_mentions = {}; }))]);
const block = { type: 'header', text: { type: 'mrkdwn', text: 'x' } };
typed('broken_slack.ts', slackHead, 'Body', [JSON.stringify({ text: 'x', blocks: [block] })]);
findings.end();
