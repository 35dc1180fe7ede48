// Reads {baseURL, apiKey, calls} as JSON, makes the calls one after the other with
// OpenAI's own client, and writes what it heard of each. The package is taken from
// .tools.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(new URL("../../../../.tools/package.json", import.meta.url));
const { OpenAI } = require("openai");

const { baseURL, apiKey, calls } = JSON.parse(readFileSync(0, "utf8"));
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const does = {
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { models: ids };
  },

  async model({ id }) {
    return { models: [(await client.models.retrieve(id)).id] };
  },

  async whole({ request, headers }) {
    const { data, response } = await client.chat.completions.create(request, { headers }).withResponse();
    return { ...told(data), messageId: response.headers.get("x-message-id") };
  },

  async stream({ request, headers, leaveAfter }, heard) {
    const { data, response } = await client.chat.completions.create({ ...request, stream: true }, { headers }).withResponse();
    heard.messageId = response.headers.get("x-message-id");
    for await (const chunk of data) {
      heard.chunks = (heard.chunks ?? 0) + 1;
      const [choice] = chunk.choices;
      heard.content = (heard.content ?? "") + (choice?.delta?.content ?? "");
      heard.finish = choice?.finish_reason ?? heard.finish;
      heard.total = chunk.usage?.total_tokens ?? heard.total;
      if (heard.chunks === leaveAfter) data.controller.abort();
    }
    return heard;
  },

  // Asks, calls the tool that the model wants, and asks again with its result.
  async tools({ request, streams, result }) {
    const ask = async (messages) => {
      if (!streams) return client.chat.completions.create({ ...request, messages });
      return client.chat.completions.stream({ ...request, messages }).finalChatCompletion();
    };
    const first = await ask(request.messages);
    const { message } = first.choices[0];
    const answers = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: result }));
    const second = await ask([...request.messages, message, ...answers]);
    return { ...told(second), calls: told(first).calls };
  },
};

function told(completion) {
  const [{ message, finish_reason }] = completion.choices;
  return {
    content: message.content ?? "",
    finish: finish_reason,
    total: completion.usage?.total_tokens,
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }) => ({ id, name, arguments: given })),
  };
}

const all = [];
for (const call of calls) {
  const heard = {};
  try {
    all.push(await does[call.do](call, heard));
  } catch (error) {
    const { status, code, type, message, headers } = error;
    heard.error = { class: error.constructor.name, status, code, type, message, retryAfter: headers?.get("retry-after") };
    all.push(heard);
  }
}
process.stdout.write(JSON.stringify(all));
