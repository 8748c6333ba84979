// Opens a document that `tailchat export --format automerge` wrote, with the JavaScript Automerge, and prints every entry
// of it as a line of JSON: its actor and number, its kind byte, all its bytes, and the text of a message. Knows of the
// format only what docs/STORAGE.md and docs/PROTOCOL.md say.

import { readFileSync } from "node:fs";
import * as Automerge from "@automerge/automerge";

const TEXT = 2;
const ACTION = 3;

// Postcard's numbers: seven bits a byte, the least significant first.
function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

// A stamp, which is two numbers, then a text with its length before it.
function text(bytes) {
  let at = 1;
  [, at] = varint(bytes, at);
  [, at] = varint(bytes, at);
  let len;
  [len, at] = varint(bytes, at);
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at, at + Number(len)));
}

const document = Automerge.load(readFileSync(process.argv[2]));
for (const [key, list] of Object.entries(document)) {
  const [actor, number] = key.split("/");
  list.forEach((entry, at) => {
    const bytes = Uint8Array.from(entry);
    const kind = bytes[0];
    const said = kind === TEXT || kind === ACTION ? text(bytes) : null;
    const index = Number(number) * 256 + at;
    console.log(JSON.stringify({ id: `${actor}/${index}`, kind, text: said, bytes: Buffer.from(bytes).toString("hex") }));
  });
}
