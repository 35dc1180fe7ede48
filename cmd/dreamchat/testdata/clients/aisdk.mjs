// Drives chats of the AI SDK for a test: takes calls as lines of JSON and answers
// each with a line. The argument names whose chats they are.
import { createInterface } from "node:readline";
import { react, svelte } from "./aisdk_chats.mjs";

const makers = { react, "svelte-3": svelte, "svelte-4": svelte, "svelte-5": svelte };
const name = process.argv[2];
const maker = await makers[name](`ai-sdk-${name}`);
const chats = new Map();

const state = ({ now, ends }) => {
  const { status, error, messages } = now();
  return { status, error: error?.message ?? "", messages, ends };
};
const tick = () => new Promise((wake) => setTimeout(wake, 5));

const calls = {
  version: () => maker.version,
  async open({ chat, options }) {
    const ends = [];
    const onFinish = ({ isAbort, isDisconnect, isError, finishReason }) =>
      ends.push({ isAbort, isDisconnect, isError, finishReason });
    chats.set(chat, { ...(await maker.open({ ...options, onFinish })), ends });
  },
  // begin calls a method and does not wait for its end.
  begin({ chat, method, args }) {
    const held = chats.get(chat);
    held.pending = held.now()[method](...args);
    held.pending.catch((error) => held.ends.push({ thrown: String(error) }));
  },
  // settle waits for the end of what was begun last.
  async settle({ chat }) {
    const held = chats.get(chat);
    await held.pending;
    await tick(); // React has shown it then
    return state(held);
  },
  // until waits until the text of the last message is this.
  async until({ chat, text }) {
    const held = chats.get(chat);
    const shown = () => (held.now().messages.at(-1)?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
    while (shown() !== text) await tick();
    return state(held);
  },
  // status waits for a status.
  async status({ chat, text }) {
    const held = chats.get(chat);
    while (held.now().status !== text) await tick();
    return state(held);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...args } = JSON.parse(line);
  const value = await calls[call](args);
  process.stdout.write(`${JSON.stringify({ value: value ?? null })}\n`);
}
process.exit(0); // whatever is still under way
