// Reads what the receiver wrote down, for the judges in JavaScript.
import { readFileSync } from 'node:fs';

export function read(file) {
  return readFileSync(file, 'latin1').trimEnd().split('\n').map((line) => {
    const told = JSON.parse(line);
    const sink = told.path.split('?')[0].split('/').at(-1);
    return { ...told, sink, body: Buffer.from(told.body, 'base64'), id: told.headers['webhook-id'] ?? '' };
  });
}

// What a judge refused, told at the end; how much it looked at, told as well.
export class Findings {
  found = [];
  judged = new Map();

  async judge(what, request, check) {
    this.judged.set(what, (this.judged.get(what) ?? 0) + 1);
    try {
      await check();
    } catch (error) {
      const text = `${what}: ${request.sink} ${request.id}: ${String(error.message ?? error).slice(0, 400)}`;
      this.found.push(`${text}\n    ${request.body.subarray(0, 300)}`);
    }
  }

  end() {
    for (const finding of this.found.slice(0, 20)) console.log(finding);
    for (const [what, count] of this.judged) {
      console.log(`${what}: ${count} judged, ${this.found.filter((f) => f.startsWith(`${what}:`)).length} refused`);
    }
    process.exitCode = this.found.length > 0 || this.judged.size === 0 ? 1 : 0;
  }
}

// A judge that accepts everything proves nothing.
export async function mustRefuse(what, check) {
  try {
    await check();
  } catch {
    return;
  }
  console.log(`${what} accepts what is broken on purpose`);
  process.exit(1);
}

export function must(condition, text) {
  if (!condition) throw new Error(text);
}
